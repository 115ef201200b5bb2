"""A node's channel with real coordinators: told at once, opened again, and never in the way of heartbeats."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from coordinator_server.channel.line import Line
from coordinator_server.front import FRONT
from node import coordinator_talk
from node import events as e
from node.config import NodeConfig
from node.control import EnrollIntent
from node.coordinator_client import CoordinatorClient, CoordinatorError
from node.program.tasks import TaskSet
from node.runtime import NodeRuntime
from node.state import ChannelStatus, NodeState
from node.tunnel import beats, channel, reconnect
from node.tunnel.beats import NoChannelError
from node.vpn.settings import VpnSettings
from node.wire.channel import PATH, Beat
from node.wire.encoding import b64encode
from node.wire.manifests import Catalogue
from node.wire.messages import Assignment, CoordinatorInfo
from node.wire.tokens import TokenError, TokenIssuer
from tests.support.certificates import self_signed
from tests.support.coordinators import HOURLY, Room, coordinator_room
from tests.support.node_values import MEMBERSHIP
from tests.support.overlay import FakeKeeper
from tests.support.overlay_mesh import share_store
from tests.support.waiting import eventually
from tests.support.web_site import web_site


class Node:
    """A node whose heartbeats come every hour, in a real coordinator's mesh; its overlay is played."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        folder.mkdir(exist_ok=True)
        self.keepers: list[FakeKeeper] = []
        values: dict[str, Any] = {"port": 0, "dht_port": 0, "keyring": False, "worker_heartbeat": 3600.0}
        self.runtime = NodeRuntime(NodeConfig(**{**values, **settings}), folder, self._make)

    def _make(self, *arguments: object) -> FakeKeeper:
        self.keepers.append(FakeKeeper(*arguments))  # type: ignore[arg-type]  # as MakeKeeper says
        return self.keepers[-1]

    @property
    def is_open(self) -> bool:
        return self.runtime.state.channel.open

    @property
    def worker_id(self) -> str:
        return str(self.runtime.state.worker_id)

    @property
    def is_draining(self) -> bool:
        assignment = self.runtime.state.assignment
        return assignment is not None and assignment.draining

    @property
    def revoked(self) -> set[str]:
        assert self.runtime.session is not None
        return self.runtime.session.revoked

    @property
    def place(self) -> VpnSettings:
        """What Nebula is wanted to run with."""
        wanted = self.keepers[0].wanted
        assert wanted is not None
        return wanted

    async def is_settled(self) -> None:
        """Wait until the channel is open and there is a place in the overlay."""
        await eventually(lambda: self.is_open, "the channel is open")
        await eventually(lambda: self.keepers[0].wanted is not None, "a place in the overlay")

    async def join(self, room: Room) -> None:
        await self.runtime.desk.enroll(EnrollIntent(coordinator=room.url, invite=await room.invite()))

    async def check(self) -> tuple[bool, str]:
        """Return what `doctor` says of the channel."""
        found = next(check for check in await self.runtime.desk.doctor() if check.name == "channel")
        return found.ok, found.detail


@contextlib.asynccontextmanager
async def node_in(room: Room, folder: Path, **settings: Any) -> AsyncIterator[Node]:
    node = Node(folder, **settings)
    await node.runtime.start()
    try:
        await node.join(room)
        yield node
    finally:
        await node.runtime.stop()


async def until_equal(read: Callable[[], object], wanted: object) -> None:
    await eventually(lambda: read() == wanted, f"it is {wanted!r}")


def room_at(folder: Path, **settings: Any) -> contextlib.AbstractAsyncContextManager[Room]:
    return coordinator_room(folder, time.time, Catalogue(()), **{**HOURLY, **settings})  # type: ignore[arg-type]  # it is called, no more


async def lighthouse(room: Room, name: str, endpoint: str) -> None:
    """Have another coordinator be in the overlay, so that places in it can be granted."""
    assert room.coordinator.overlay is not None
    key = X25519PrivateKey.generate().public_key().public_bytes_raw()
    await room.coordinator.overlay.join(name, key, (endpoint,))


def heartbeats(room: Room, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note who sends heartbeats from now on."""
    heard: list[str] = []
    registry = room.coordinator.registry
    plain = registry.heartbeat

    def heartbeat(request: Any) -> Any:
        heard.append(request.worker_id)
        return plain(request)

    monkeypatch.setattr(registry, "heartbeat", heartbeat)
    return heard


async def test_a_revocation_is_heard_at_once_by_all_that_refuse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with room_at(tmp_path / "c") as room:
        await lighthouse(room, "c-far", "198.51.100.7:4242")
        async with node_in(room, tmp_path / "one") as one, node_in(room, tmp_path / "two") as two:
            bad = room.machine()
            key = b64encode(X25519PrivateKey.generate().public_key().public_bytes_raw())
            await bad.enrol(await room.invite(), worker_id="bad", nebula_public_key=key)
            for node in (one, two):
                await node.is_settled()
                assert await node.check() == (True, "Open: what changes in the mesh is heard at once.")
            heard = heartbeats(room, monkeypatch)
            forgotten: list[str] = []
            for node in (one, two):
                assert node.runtime.session is not None
                await eventually(node.runtime.session.dht.contacts, "the DHT knows somebody")
                monkeypatch.setattr(
                    node.runtime.session.dht, "forget_revoked", lambda node=node: forgotten.append(node.worker_id)
                )
            await room.coordinator.workers.revoke("bad")
            for node in (one, two):
                session = node.runtime.session
                assert session is not None
                await until_equal(lambda: node.revoked, {"bad"})  # noqa: B023 - used at once
                await until_equal(lambda: len(node.place.blocklist), 1)  # noqa: B023 - used at once
                token = TokenIssuer(bad.key, "bad", bad.credential, time.time).issue(node.worker_id)
                with pytest.raises(TokenError, match="revoked"):
                    session.verifier.verify(token)
            assert set(forgotten) == {one.worker_id, two.worker_id}, "and DHT contacts"
            await room.coordinator.workers.revoke(two.worker_id)
            await eventually(lambda: two.runtime.state.expelled, "it asks, and hears that it is out")
            await eventually(lambda: not two.is_open, "its channel is closed")
            await until_equal(lambda: two.runtime.state.vpn.state, "revoked")
            await until_equal(lambda: one.revoked, {"bad", two.worker_id})
            assert heard == [], "nobody needed a heartbeat for that"


async def test_a_drain_is_heard_at_once_and_so_is_another_lighthouse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with room_at(tmp_path / "c") as room:
        await lighthouse(room, "c-far", "198.51.100.7:4242")
        async with node_in(room, tmp_path / "n") as node:
            monkeypatch.setattr("node.runtime.RENEWAL_SPREAD", 0.1)
            await eventually(lambda: node.is_open, "the channel is open")
            for draining in (True, False):
                await room.coordinator.workers.drain(node.worker_id, draining)
                await until_equal(lambda: node.is_draining, draining)
            await node.is_settled()
            await lighthouse(room, "c-new", "198.51.100.8:4242")
            await until_equal(lambda: len(node.place.lighthouses), 2)


async def test_it_comes_back_after_a_restart_of_the_coordinator(tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        first = contextlib.AsyncExitStack()
        room = await first.enter_async_context(room_at(tmp_path / "c", vpn="off"))
        node = await stack.enter_async_context(node_in(room, tmp_path / "n", vpn="off"))
        await eventually(lambda: node.is_open, "the channel is open")
        port = room.site.server.port
        await first.aclose()
        await eventually(lambda: not node.is_open, "it is noticed")
        assert node.runtime.state.phase == "online", "nothing else happens"
        assert "heard within 3600 s" in (await node.check())[1]
        again = await stack.enter_async_context(room_at(tmp_path / "c", port=port, vpn="off"))
        await eventually(lambda: again.coordinator.registry.member(node.worker_id), "it has registered again")
        await eventually(lambda: node.is_open, "it is open again")
        await again.coordinator.workers.drain(node.worker_id)
        await until_equal(lambda: node.is_draining, True)


async def test_a_coordinator_without_channels_is_no_news(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pauses: list[float] = []
    plain = reconnect.Reconnect.after_none_there

    def after_none_there(self: reconnect.Reconnect, chance: float) -> tuple[reconnect.Reconnect, float]:
        pauses.append(plain(self, chance)[1])
        return self, 0.01

    monkeypatch.setattr(reconnect.Reconnect, "after_none_there", after_none_there)
    monkeypatch.setattr("node.wire.channel.PATH", "/api/worker/no-channel")
    caplog.set_level("INFO", "node.tunnel")
    async with room_at(tmp_path / "c", vpn="off") as room, node_in(room, tmp_path / "n", vpn="off") as node:
        await eventually(lambda: len(pauses) > 2, "it is tried again")
        assert not node.is_open
        assert node.runtime.state.phase == "online"
        assert (await node.check())[0], "nothing is lacking"
    assert caplog.text == ""


async def test_an_answer_that_was_under_way_does_not_undo_what_was_pushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with room_at(tmp_path / "c", vpn="off") as room, node_in(room, tmp_path / "n", vpn="off") as node:
        await eventually(lambda: node.is_open, "the channel is open")
        await room.worker("bad")
        session = node.runtime.session
        assert session is not None
        asked, go = asyncio.Event(), asyncio.Event()
        plain = session.client.heartbeat

        async def held_up(*arguments: Any) -> Any:
            answer = await plain(*arguments)
            asked.set()
            await go.wait()
            return answer

        monkeypatch.setattr(session.client, "heartbeat", held_up)
        monkeypatch.setattr(node.runtime.talk, "by_channel", coordinator_talk._no_channel)
        node.runtime._contact.schedule(0.0)
        await asked.wait()
        await room.coordinator.workers.revoke("bad")
        await eventually(lambda: session.revoked == {"bad"}, "it was pushed")
        go.set()
        await eventually(node.runtime._contact._quiet.is_set, "the answer has come")
        await node.runtime.settle()
        assert session.revoked == {"bad"}


def taken(room: Room) -> dict[str, int]:
    """Return how many heartbeats have been taken in, by their way."""
    return asdict(room.site.app[FRONT].beats.taken)


async def test_heartbeats_go_by_it_and_as_requests_where_it_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beats, "LEAST_GAP", 0.0)
    async with room_at(tmp_path / "c", vpn="off") as room, node_in(room, tmp_path / "n", vpn="off") as node:
        await eventually(lambda: node.is_open, "the channel is open")
        talk, session = node.runtime.talk, node.runtime.session
        assert session is not None

        async def beats_by(way: str) -> None:
            before = taken(room)
            await talk.heartbeat(session, room.url)
            await node.runtime.settle()
            assert taken(room) == {**before, way: before[way] + 1}
            assert node.runtime.state.coordinator_ok

        await beats_by("channel")
        room.coordinator.registry.leave(node.worker_id)
        await talk.heartbeat(session, room.url)
        member = room.coordinator.registry.member
        await eventually(lambda: member(node.worker_id), "it was told that it is unknown, and registers again")

        (line,) = lines(room)
        line._beats = silent
        with monkeypatch.context() as patch:
            patch.setattr(coordinator_talk, "CHANNEL_SHARE", 1e-5)
            await beats_by("http")
        assert node.is_open, "as far as anybody knows"
        await beats_by("http")  # it is not tried again
        line.close(aiohttp.WSCloseCode.OK, "cut")
        await eventually(lambda: node.is_open and line not in lines(room) and lines(room), "a new one")
        await beats_by("channel")

        (line,) = lines(room)
        line._beats = cut
        await beats_by("http")
        await eventually(lambda: node.is_open and line not in lines(room) and lines(room), "a new one")
        await beats_by("channel")


async def test_a_heartbeat_that_is_taken_in_after_newer_ones_does_not_stay_the_last_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beats, "LEAST_GAP", 0.0)
    async with room_at(tmp_path / "c", vpn="off") as room, node_in(room, tmp_path / "n", vpn="off") as node:
        await eventually(lambda: node.is_open, "the channel is open")
        talk, session, hear = node.runtime.talk, node.runtime.session, room.site.app[FRONT].beats.hear
        assert session is not None
        go, seen = asyncio.Event(), list[bool]()

        def is_paused() -> bool:
            member = room.coordinator.registry.member(node.worker_id)
            return member is not None and member.paused

        async def held_up(line: Line, beat: Beat) -> bytes | None:
            await go.wait()
            answer = await hear(line, beat)
            seen.append(is_paused())
            return answer

        (line,) = lines(room)
        line._beats = held_up
        with monkeypatch.context() as patch:
            patch.setattr(coordinator_talk, "CHANNEL_SHARE", 1e-5)
            await talk.heartbeat(session, room.url)  # on its way still, when the same has come as a request
        node.runtime.desk.pause()
        await eventually(is_paused, "it has said so by a request")
        go.set()
        await eventually(lambda: seen, "the older one has come")
        assert not seen[0]
        await eventually(is_paused, "it has said once more how it is")


def lines(room: Room) -> list[Line]:
    """Return the channels that are open."""
    return [line for line in room.site.app[FRONT].channels._lines.values() if not line.closing]


async def silent(_line: Line, _beat: object) -> None:
    """Answer nothing, as a coordinator that hangs."""


async def cut(line: Line, _beat: object) -> None:
    line.close(aiohttp.WSCloseCode.OK, "cut")


async def test_a_coordinator_that_hangs_is_noticed_in_the_time_of_one_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patience = 3.0
    monkeypatch.setattr(coordinator_talk, "_patience", lambda _state: patience)
    given: list[float] = []
    async with room_at(tmp_path / "c", vpn="off") as room, node_in(room, tmp_path / "n", vpn="off") as node:
        await eventually(lambda: node.is_open, "the channel is open")
        session = node.runtime.session
        assert session is not None

        async def hangs(*arguments: Any) -> Assignment:
            given.append(arguments[2])
            raise CoordinatorError("It did not answer in time.")

        async def by_channel(_url: str, _request: object, seconds: float) -> Assignment:
            given.append(seconds)
            await asyncio.sleep(0.1)
            raise NoChannelError

        monkeypatch.setattr(session.client, "heartbeat", hangs)
        monkeypatch.setattr(node.runtime.talk, "by_channel", by_channel)
        await node.runtime.talk.heartbeat(session, room.url)
        assert not node.runtime.state.coordinator_ok
        assert given[0] < patience
        assert given[1] <= patience - 0.09, "what the channel took is not given once more"


async def test_who_has_turned_to_another_coordinator_does_not_take_that_one_for_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with room_at(tmp_path / "c", vpn="off") as room, node_in(room, tmp_path / "n", vpn="off") as node:
        runtime = node.runtime
        session, membership = runtime.session, runtime.state.membership
        assert session is not None
        assert membership is not None
        other = CoordinatorInfo(id="c-other", url="http://127.0.0.1:1")
        known = msgspec.structs.replace(membership, coordinators=(*membership.coordinators, other))
        monkeypatch.setattr(runtime.talk, "by_channel", coordinator_talk._no_channel)

        async def turns_away(*_: object) -> Assignment:
            runtime.state = msgspec.structs.replace(runtime.state, membership=known, coordinator=other.url)
            raise CoordinatorError("It did not answer in time.")

        monkeypatch.setattr(session.client, "heartbeat", turns_away)
        await runtime.talk.heartbeat(session, room.url)
        assert (runtime.state.coordinator, runtime.state.failing) == (other.url, ())
        assert runtime.state.failures == 0


@contextlib.asynccontextmanager
async def served(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]], path: str, tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """Serve channels in our own way, and yield where."""
    app = web.Application()
    app.router.add_get(path, handler)
    async with web_site(app, tls, patience=0.1) as url:
        yield url


@contextlib.asynccontextmanager
async def proxy() -> AsyncIterator[tuple[str, list[str]]]:
    """Be an HTTP proxy that carries TLS (CONNECT); yield its URL and the heads that it got."""
    heads: list[str] = []
    tasks = TaskSet("proxy")

    async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                sink.write(data)
        finally:
            sink.close()
            with contextlib.suppress(ConnectionError):
                await sink.wait_closed()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        host, _, port = heads[-1].split()[1].rpartition(":")
        from_there, to_there = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(carry(from_there, writer), carry(reader, to_there), return_exceptions=True)

    server = await asyncio.start_server(lambda *ends: void(tasks.start(serve(*ends), "carry")), "127.0.0.1", 0)
    try:
        yield f"http://anna:secret@127.0.0.1:{server.sockets[0].getsockname()[1]}", heads
    finally:
        server.close()
        await tasks.stop()
        await server.wait_closed()


def void(_result: object) -> None:
    """Have no result: a server would wait for a task."""


async def test_it_goes_through_the_proxy_that_the_system_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def serve(request: web.Request) -> web.WebSocketResponse:
        end = web.WebSocketResponse()
        await end.prepare(request)
        await end.send_str(request.headers["Authorization"].split()[0])
        await end.receive()
        return end

    cert, key = self_signed(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)
    trusting = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=str(cert)))
    async with served(serve, PATH, tls) as url, proxy() as (proxy_url, heads):
        monkeypatch.setenv("HTTPS_PROXY", proxy_url)
        monkeypatch.setenv("NO_PROXY", "")
        own = Ed25519PrivateKey.generate()
        async with aiohttp.ClientSession(trust_env=True, connector=trusting) as session:
            client = CoordinatorClient(session, TokenIssuer(own, "w1", "credential", time.time), "w1", own)
            end = await client.open_channel(CoordinatorInfo(id="c1", url=url), 20.0)
            assert await end.receive_str(timeout=60) == "Bearer"
            await end.close()
    assert heads[0].startswith("CONNECT 127.0.0.1:")
    assert "Proxy-Authorization: Basic" in heads[0]
    assert "Bearer" not in heads[0]


async def test_a_coordinator_that_is_gone_without_a_word_is_noticed() -> None:
    told: list[e.Event] = []

    async def serve(request: web.Request) -> web.WebSocketResponse:
        end = web.WebSocketResponse(autoping=False)
        await end.prepare(request)
        await asyncio.Event().wait()  # no ping is answered
        return end

    async with served(serve, PATH) as url, aiohttp.ClientSession() as session:
        own = Ed25519PrivateKey.generate()
        client = CoordinatorClient(session, TokenIssuer(own, "w1", "credential", time.time), "w1", own)
        made = channel.Channel(
            lambda to: client.open_channel(CoordinatorInfo(id="c1", url=to), 0.2), lambda _told: None, told.append
        )
        made.look(NodeState(membership=MEMBERSHIP, coordinator=url, registered=True))
        await eventually(lambda: len(told) >= 2, "it is noticed")
        await made.stop()
    assert told[:2] == [
        e.ChannelChanged(ChannelStatus(True)),
        e.ChannelChanged(ChannelStatus(False, "The connection broke.")),
    ]


async def test_a_message_of_an_unknown_type_is_passed_over_and_a_bad_one_ends_the_channel() -> None:
    heard: list[Assignment] = []
    told: list[e.Event] = []

    async def serve(request: web.Request) -> web.WebSocketResponse:
        end = web.WebSocketResponse()
        await end.prepare(request)
        await end.send_str('{"type": "later"}')
        await end.send_bytes(b"{")
        await end.send_str('{"type": "assignment", "role": "cpu"}')
        await end.send_str('{"type": "assignment", "role": "king"}')
        async for _ in end:
            pass
        return end

    async with served(serve, "/") as url, aiohttp.ClientSession() as session:
        made = channel.Channel(
            lambda to: session.ws_connect(to, autoclose=False),
            heard.append,
            told.append,
        )
        made.look(NodeState(membership=MEMBERSHIP, coordinator=url, registered=True))
        await eventually(lambda: len(told) >= 2, "it has ended")
        await made.stop()
    assert heard[0].role == "cpu"
    assert told[0] == e.ChannelChanged(ChannelStatus(True))
    assert told[1] == e.ChannelChanged(ChannelStatus(False, "The coordinator pushed what we cannot read."))


async def test_a_push_that_cannot_be_handled_is_not_the_last_one(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[e.Event] = []
    heard: list[Assignment] = []

    async def serve(request: web.Request) -> web.WebSocketResponse:
        end = web.WebSocketResponse()
        await end.prepare(request)
        await end.send_str('{"type": "assignment", "role": "cpu"}')
        async for _ in end:
            pass
        return end

    def pushed(assignment: Assignment) -> None:
        heard.append(assignment)
        if len(heard) == 1:
            raise LookupError

    monkeypatch.setattr(reconnect, "FIRST", 0.0)
    async with served(serve, "/") as url, aiohttp.ClientSession() as session:
        made = channel.Channel(lambda to: session.ws_connect(to, autoclose=False), pushed, told.append)
        made.look(NodeState(membership=MEMBERSHIP, coordinator=url, registered=True))
        await eventually(lambda: len(heard) == 2, "it is open again")
        await made.stop()
    assert told[1] == e.ChannelChanged(ChannelStatus(False, "The channel failed; the log says how."))
    assert "the channel to the coordinator failed" in caplog.text


async def test_when_its_coordinator_is_about_to_end_it_turns_to_another_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Heartbeats come every hour: the end of the channel is what it hears, and the other one hears of it."""
    monkeypatch.setattr(channel, "LEAVING_SPREAD", 0.1)
    async with room_at(tmp_path / "a", vpn="off") as one:
        share_store(tmp_path / "a", tmp_path / "b")
        async with room_at(tmp_path / "b", vpn="off") as two:
            for room in (one, two):
                await eventually(lambda: room.coordinator.fleet.others, "they know each other")  # noqa: B023 - at once
            async with node_in(one, tmp_path / "n") as node:
                await eventually(lambda: node.is_open and node.runtime.state.registered, "it is registered")
                used = node.runtime.state.coordinator
                first, second = (one, two) if used == one.url else (two, one)
                first.coordinator.readiness.draining = True
                first.site.app[FRONT].channels.drain()
                await eventually(lambda: second.coordinator.registry.member(node.worker_id), "it is at the other")
                assert node.runtime.state.coordinator == second.url
                await eventually(lambda: node.is_open, "and so is its channel")
