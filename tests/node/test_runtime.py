"""The life of a node: what it keeps, what stops it from starting, and that a failed start leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import socket
import sys
import time
from collections.abc import AsyncIterator
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec
import psutil
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from coordinator_server.enrolment.lockout import Lockout
from coordinator_server.probation.standing import Record
from node import overlay_presence, renewal, runtime
from node.config import NodeConfig
from node.control import EnrollIntent
from node.dht.node import DhtNode
from node.overlay import Overlay
from node.program.errors import EXIT_IN_USE, UserFacingError
from node.program.tasks import TaskSet
from node.rules.settings import Rules
from node.runtime import NodeRuntime
from node.vpn.settings import facts_of
from node.wire.blocklists import PutOut, sign_blocklist
from node.wire.encoding import b64encode
from node.wire.manifests import Catalogue, Manifest
from node.wire.messages import Assignment, VpnReport
from node.wire.problems import Problem
from tests.support.coordinators import Room, coordinator_room
from tests.support.overlay import FakeKeeper
from tests.support.waiting import eventually

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")
CONFIG = NodeConfig(port=0, dht_port=0, keyring=False, vpn="off")


async def test_it_starts_stops_and_starts_again_as_it_was(tmp_path: Path) -> None:
    node = NodeRuntime(CONFIG, tmp_path)
    await node.start()
    key = node.member.identity.public_key
    node.desk.pause()
    await node.settle()
    await node.stop()
    again = NodeRuntime(CONFIG, tmp_path)
    await again.start()
    assert again.state.paused, "a pause outlives the program"
    assert again.member.identity.public_key == key
    await again.stop()
    assert len(asyncio.all_tasks()) == 1, "nothing is left behind"


async def test_a_snooze_ends_by_itself(tmp_path: Path) -> None:
    node = NodeRuntime(CONFIG, tmp_path)
    await node.start()
    node.desk.pause(0.3)
    assert node.state.paused
    async with asyncio.timeout(30):
        while node.state.paused:  # noqa: ASYNC110 - it waits on state
            await asyncio.sleep(0.02)
    await node.stop()


async def test_who_asks_a_node_that_closes_is_told_so_and_not_to_join_a_mesh(tmp_path: Path) -> None:
    node = NodeRuntime(CONFIG, tmp_path)
    await node.start()
    with pytest.raises(Problem, match="has not joined a mesh yet"):
        await node.desk.explain("ner-extraction", personal=False)
    node.desk.request_stop()
    with pytest.raises(Problem, match="This node is closing"):
        await node.desk.explain("ner-extraction", personal=False)
    await node.stop()


async def test_a_file_that_cannot_be_read_stops_the_start_and_is_kept(tmp_path: Path) -> None:
    broken = tmp_path / "membership.json"
    broken.write_bytes(b"{")
    node = NodeRuntime(CONFIG, tmp_path)
    with pytest.raises(UserFacingError) as caught:
        await node.start()
    assert caught.value.hint
    assert broken.read_bytes() == b"{"
    assert not (tmp_path / "control.json").exists()
    assert len(asyncio.all_tasks()) == 1


async def test_a_taken_port_stops_the_start(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        node = NodeRuntime(NodeConfig(port=taken.getsockname()[1], keyring=False, vpn="off"), tmp_path)
        with pytest.raises(UserFacingError) as caught:
            await node.start()
    assert caught.value.exit_code == EXIT_IN_USE
    assert list(tmp_path.iterdir()) == [], "nothing was begun"


async def test_a_signal_ends_it_after_requests_in_flight(tmp_path: Path) -> None:
    node = NodeRuntime(CONFIG, tmp_path)
    await node.start()
    stop = asyncio.Event()
    waiting = asyncio.get_running_loop().create_task(node.wait(stop))
    await asyncio.sleep(0)
    assert not waiting.done()
    stop.set()
    await asyncio.wait_for(waiting, 30)
    assert node.state.phase == "stopped"
    await node.stop()


async def test_its_access_log_tells_of_every_request_at_its_door(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    node = NodeRuntime(
        NodeConfig(port=0, dht_port=0, keyring=False, vpn="off", access_log=str(path)), tmp_path / "data"
    )
    (tmp_path / "data").mkdir()
    await node.start()
    async with aiohttp.ClientSession(node.url) as session:
        for where in ("/health?a=b", "/service/ner"):
            async with session.get(where) as answer:
                await answer.read()
    await node.stop()
    lines = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    assert [(line["path"], line["status"]) for line in lines] == [("/health", 200), ("/service/ner", 401)]


async def test_an_access_log_that_cannot_be_written_stops_the_start(tmp_path: Path) -> None:
    where = str(tmp_path / "none" / "a.log")
    node = NodeRuntime(NodeConfig(port=0, dht_port=0, keyring=False, vpn="off", access_log=where), tmp_path)
    with pytest.raises(UserFacingError, match="access_log"):
        await node.start()
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize("ending", ["leave", "mesh off"])
async def test_who_is_stopped_while_it_ends_its_session_leaves_no_port_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    begun = asyncio.Event()

    async def withdraw(_dht: DhtNode) -> None:
        begun.set()
        await asyncio.Event().wait()

    async with coordinator_room(tmp_path / "coordinator", time.time, Catalogue(()), vpn="off") as room:  # type: ignore[arg-type]  # it is called, no more
        node = NodeRuntime(CONFIG, tmp_path)
        await node.start()
        try:
            await node.desk.enroll(EnrollIntent(coordinator=room.url, invite=await room.invite()))
            await eventually(lambda: node.state.phase == "online", "online")
            assert node.session is not None
            port = node.session.dht.port
            with monkeypatch.context() as patched:
                patched.setattr(DhtNode, "withdraw", withdraw)
                await (node.desk.leave() if ending == "leave" else node.rules.put(Rules(mesh_on=False)))
                async with asyncio.timeout(60):
                    await begun.wait()
        finally:
            await node.stop()
        assert port not in {one.laddr.port for one in psutil.Process().net_connections("udp")}


async def test_who_is_on_probation_is_asked_after_all_others(tmp_path: Path) -> None:
    catalogue = Catalogue((Manifest(name="ner", title="Entities", data_class="public"),))
    config = dataclasses.replace(CONFIG, allow=("another",))
    folder = tmp_path / "coordinator"
    async with coordinator_room(folder, time.time, catalogue, vpn="off", worker_heartbeat=0.2) as room:  # type: ignore[arg-type]  # it is called, no more
        coordinator = room.coordinator
        coordinator.registry.doubts = lambda _worker_id, _service: False  # as the DHT, it tells of everybody
        for name in ("w-1", "w-2"):
            worker = await room.worker(name)
            await worker.register(port=8000)
            await worker.heartbeat("ner")
        node = NodeRuntime(config, tmp_path)
        await node.start()
        try:
            await node.desk.enroll(EnrollIntent(coordinator=room.url, invite=await room.invite()))
            await eventually(lambda: node.state.phase == "online", "online")
            await coordinator.warden.book.write("w-2", lambda _: {"ner": Record(since=1.0)}, None)

            def told() -> bool:
                return node.state.assignment is not None and node.state.assignment.doubts("ner") == ("w-2",)

            await eventually(told, "the node is told")
            found = await node.desk.explain("ner", personal=False)
            assert [one.worker_id for one in found.candidates] == ["w-1"]
        finally:
            await node.stop()


async def test_a_coordinator_that_lets_nobody_in_for_the_moment_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shut = [True]
    monkeypatch.setattr(Lockout, "retry_after", lambda *_: 1 if shut[0] else 0)
    async with coordinator_room(tmp_path / "coordinator", time.time, Catalogue(()), vpn="off") as room:  # type: ignore[arg-type]  # it is called, no more
        wish = EnrollIntent(coordinator=room.url, invite=await room.invite(uses=1))
        node, tasks = NodeRuntime(CONFIG, tmp_path), TaskSet("test")
        delays: list[float] = []
        node.desk.join_delayed = lambda _why, pause: delays.append(pause)
        await node.start()
        try:
            with pytest.raises(Problem, match="lets nobody in for the moment") as caught:
                await node.desk.enroll(wish)
            assert (caught.value.status, delays) == (429, []), "who has no time is told at once"
            joining = tasks.start(node.desk.enroll(msgspec.structs.replace(wish, patience=600.0)), "join")
            await eventually(lambda: bool(delays), "it is told to wait")
            (reason,) = (one for one in node.state.reasons if one.code != "key-in-file")
            assert (node.state.phase, reason.code) == ("joining", "enrolment-delayed")
            assert reason.until is not None
            with pytest.raises(Problem, match="asks already"):
                await node.desk.enroll(wish)
            shut[0] = False
            assert await joining == node.state.worker_id
            assert (node.state.enrolment_delay, node.state.enrolment_again_at) == ("", None)
        finally:
            await tasks.stop()
            await node.stop()


# --- in the overlay -----------------------------------------------------------------------------------------------


class Overlaid:
    """A node in a real coordinator's mesh, whose overlay is played by the test at other loopback addresses."""

    def __init__(self, room: Room, folder: Path) -> None:
        self.room = room
        self.keepers: list[FakeKeeper] = []
        config = NodeConfig(port=0, dht_port=0, keyring=False, worker_heartbeat=0.1)
        folder.mkdir(exist_ok=True)
        self.node = NodeRuntime(config, folder, self._make)

    def _make(self, *arguments: object) -> FakeKeeper:
        self.keepers.append(FakeKeeper(*arguments))  # type: ignore[arg-type]  # as MakeKeeper says
        return self.keepers[-1]

    @property
    def keeper(self) -> FakeKeeper:
        return self.keepers[0]

    async def join(self) -> None:
        intent = EnrollIntent(coordinator=self.room.url, invite=await self.room.invite())
        await self.node.desk.enroll(intent)
        await eventually(lambda: self.node.state.phase == "online", "online")

    @property
    def codes(self) -> list[str]:
        return [reason.code for reason in self.node.state.reasons]

    @property
    def vpn_ip(self) -> str | None:
        """Where the coordinator was told that we are."""
        member = self.room.coordinator.registry.member(str(self.node.state.worker_id))
        return member.claimed.vpn_ip if member is not None else None

    def hears_dht_at(self, host: str) -> bool:
        assert self.node.session is not None
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((host, self.node.session._dht_port))  # the same wherever it is, and while it moves
            except OSError:
                return True
            return False


@contextlib.asynccontextmanager
async def overlaid(folder: Path) -> AsyncIterator[Overlaid]:
    async with coordinator_room(folder / "coordinator", time.time, Catalogue(()), worker_heartbeat=1.0) as room:  # type: ignore[arg-type]  # it is called, no more
        await lighthouse(room, "c-far", "198.51.100.7:4242")
        made = Overlaid(room, folder / "node")
        await made.node.start()
        try:
            yield made
        finally:
            await made.node.stop()
            assert not made.keeper.running


async def lighthouse(room: Room, name: str, endpoint: str) -> None:
    """Have another coordinator be in the overlay."""
    assert room.coordinator.overlay is not None
    key = X25519PrivateKey.generate().public_key().public_bytes_raw()
    await room.coordinator.overlay.join(name, key, (endpoint,))


@linux
async def test_up_it_binds_then_publishes_and_down_it_withdraws_but_cuts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Overlay, "network", IPv4Network("127.0.0.2/31"))
    async with overlaid(tmp_path) as made:
        node, keeper = made.node, made.keeper
        await made.join()
        await eventually(lambda: keeper.wanted is not None, "our place")
        assert keeper.wanted is not None
        assert node.session is not None
        dht_id, dht_port = node.session.dht.id, node.session.dht.port
        inside = f"http://127.0.0.2:{urlsplit(node.url).port}/health"
        assert keeper.wanted.service_port == urlsplit(node.url).port
        assert keeper.wanted.dht_port == dht_port
        assert made.hears_dht_at("127.0.0.1")
        keeper.comes_up("127.0.0.2")
        await eventually(lambda: made.vpn_ip == "127.0.0.2", "the coordinator knows our address in the overlay")
        assert made.hears_dht_at("127.0.0.2")
        assert not made.hears_dht_at("127.0.0.1")
        assert (node.session.dht.id, node.session.dht.port) == (dht_id, dht_port)
        assert keeper.seen_outside[-1], "the coordinator answers by other ways"
        async with aiohttp.ClientSession() as neighbour, neighbour.get(inside) as answer:
            assert answer.status == 403, "it comes beside the overlay"
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=("127.0.0.3", 0))) as session:
            async with session.get(inside) as answer:
                assert answer.status == 200
            keeper.becomes("no-udp", "127.0.0.2", "Nothing answers in the private network.")
            await eventually(lambda: made.vpn_ip is None, "the coordinator knows that we are not there")
            assert made.hears_dht_at("127.0.0.1")
            assert "vpn-no-udp" in made.codes
            assert node.state.phase == "online", "other routes are there"
            async with session.get(inside) as answer:
                assert answer.status == 200, "who was connected goes on"
        keeper.becomes("relayed", "127.0.0.2")
        await eventually(lambda: made.vpn_ip == "127.0.0.2", "back again")
        keeper.goes_down("expired")
        await eventually(lambda: made.vpn_ip is None, "withdrawn again")


@linux
async def test_without_the_mesh_it_leaves_overlay_and_dht_and_is_there_again_when_it_is_switched_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Overlay, "network", IPv4Network("127.0.0.2/31"))
    async with overlaid(tmp_path) as made:
        node, keeper = made.node, made.keeper
        await made.join()
        await eventually(lambda: keeper.wanted is not None, "our place")
        keeper.comes_up("127.0.0.2")
        await eventually(lambda: made.vpn_ip == "127.0.0.2", "the coordinator knows our address in the overlay")
        monkeypatch.setattr(runtime, "GOODBYE", 60.0)
        await node.rules.put(Rules(mesh_on=False))
        await eventually(lambda: node.session is None, "it has left the DHT")
        await node.settle()
        assert keeper.wanted is None, "it has left the overlay"
        await eventually(lambda: not node.state.channel.open, "it hears nobody")
        assert (node.state.phase, made.codes[0]) == ("paused", "mesh-off")
        member = made.room.coordinator.registry.member(str(node.state.worker_id))
        assert member is not None
        assert member.paused, "the coordinator was told"
        heard = member.last_seen
        await node.rules.put(Rules())
        await eventually(lambda: keeper.wanted is not None, "our place again")
        keeper.comes_up("127.0.0.2")
        await eventually(lambda: node.state.phase == "online" and node.state.channel.open, "online")
        await eventually(lambda: made.hears_dht_at("127.0.0.2"), "the DHT in the overlay")
        await eventually(lambda: made.vpn_ip == "127.0.0.2", "the coordinator knows")
        member = made.room.coordinator.registry.member(str(node.state.worker_id))
        assert member is not None
        assert member.last_seen > heard


@linux
async def test_who_leaves_while_the_mesh_is_off_tells_the_coordinator(tmp_path: Path) -> None:
    async with overlaid(tmp_path) as made:
        await made.join()
        worker_id = str(made.node.state.worker_id)
        await made.node.rules.put(Rules(mesh_on=False))
        await eventually(lambda: made.node.session is None, "it is offline")
        await made.node.desk.leave()
        await eventually(lambda: made.node.state.membership is None, "it has left")
        await made.node.settle()
        assert made.room.coordinator.registry.member(worker_id) is None
        assert made.node.session is None
        assert made.keeper.wanted is None


@linux
async def test_a_port_that_is_taken_in_the_overlay_is_told_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlay_presence, "DOOR_RETRY", 0.05)
    async with overlaid(tmp_path) as made:
        await made.join()
        with socket.socket() as taken:
            taken.bind(("127.0.0.2", urlsplit(made.node.url).port))
            taken.listen()
            made.keeper.comes_up("127.0.0.2")
            await eventually(lambda: "vpn-no-listener" in made.codes, "it is told")
            assert made.vpn_ip is None
        await eventually(lambda: made.vpn_ip == "127.0.0.2", "published after all")
        assert "vpn-no-listener" not in made.codes


async def test_a_place_of_another_version_is_fetched_and_what_nebula_uses_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewal, "FIRST_PAUSE", 0.01)
    async with overlaid(tmp_path) as made:
        reports: list[VpnReport] = []

        async def report(_overlay: object, _worker_id: str, told: VpnReport | None) -> None:
            assert told is not None
            reports.append(told)

        monkeypatch.setattr(type(made.room.coordinator.overlay), "report", report)
        await made.join()
        await eventually(lambda: made.keeper.wanted is not None, "our place")
        await lighthouse(made.room, "c-new", "198.51.100.8:4242")
        await eventually(
            lambda: made.keeper.wanted is not None and len(made.keeper.wanted.lighthouses) == 2,
            "the new lighthouse",
        )
        made.keeper.comes_up("127.0.0.2")
        used = made.keeper.in_use
        assert used is not None
        await eventually(lambda: reports and reports[-1].state == "direct", "that it runs")
        assert (reports[-1].certificate, bool(reports[-1].bundle)) == (facts_of(used).fingerprint, True)


async def test_the_blocklist_comes_with_a_heartbeat_and_who_is_put_out_stops_his_own(tmp_path: Path) -> None:
    async with overlaid(tmp_path) as made:
        await made.join()
        await eventually(lambda: made.keeper.wanted is not None, "our place")
        workers = made.room.coordinator.workers
        key = b64encode(X25519PrivateKey.generate().public_key().public_bytes_raw())
        await made.room.machine().enrol(await made.room.invite(), worker_id="other", nebula_public_key=key)
        await workers.revoke("other")
        await eventually(
            lambda: made.keeper.wanted is not None and len(made.keeper.wanted.blocklist) == 1, "blocked"
        )
        assert made.node.session is not None
        assert made.node.session.revoked == {"other"}
        made.keeper.comes_up("127.0.0.2")
        await workers.revoke(str(made.node.state.worker_id))
        await eventually(lambda: made.node.state.vpn.state == "revoked", "out of the overlay")
        assert "vpn-revoked" in made.codes
        assert "coordinator-refused" in made.codes
        await eventually(lambda: not made.hears_dht_at("127.0.0.2"), "the DHT is outside again")


async def test_nobody_on_the_way_takes_somebody_off_the_blocklist_or_puts_us_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with overlaid(tmp_path) as made:
        await made.join()
        workers, session = made.room.coordinator.workers, made.node.session
        assert session is not None
        await made.room.worker("other")
        await workers.revoke("other")
        await eventually(lambda: session.revoked == {"other"}, "it is refused")
        await eventually(lambda: made.keeper.wanted is not None, "our place")
        assert made.keeper.wanted is not None
        ours = facts_of(made.keeper.wanted).fingerprint
        forged = PutOut(
            version=2**52, signed_at=time.time(), workers=(session.membership.worker_id,), certificates=(ours,)
        )
        plain, asked = session.client.heartbeat, 0
        told = [
            sign_blocklist(PutOut(version=2**52, signed_at=time.time()), Ed25519PrivateKey.generate()),
            sign_blocklist(forged, Ed25519PrivateKey.generate()),
            None,
        ]

        async def on_the_way(*arguments: Any) -> Assignment:
            nonlocal asked
            asked += 1
            return msgspec.structs.replace(await plain(*arguments), blocklist=told[asked % len(told)])

        monkeypatch.setattr(session.client, "heartbeat", on_the_way)
        await eventually(lambda: asked > 2 * len(told), "it was told")
        assert session.revoked == {"other"}
        assert made.keeper.wanted.blocklist == ()
        assert made.node.state.phase == "online", "a heartbeat counts without it"
        assert "no key of this mesh has signed it" in caplog.text
        folder = made.node._data_dir
        await made.node.stop()
        again = NodeRuntime(CONFIG, folder)
        await again.start()
        assert again.session is not None
        assert again.session.revoked == {"other"}, "also before it has reached any coordinator"
        await again.stop()


async def test_a_machine_without_rights_works_as_before_and_says_so_calmly(tmp_path: Path) -> None:
    async with overlaid(tmp_path) as made:
        await made.join()
        made.keeper.becomes("no-permission", text="Install the helper service.")
        assert made.node.state.phase == "online"
        assert [
            (reason.code, reason.text) for reason in made.node.state.reasons if reason.code.startswith("vpn")
        ] == [("vpn-no-permission", "Install the helper service.")]
        await eventually(lambda: made.node.state.channel.open, "the channel is open")
        check = next(check for check in await made.node.desk.doctor() if check.name == "vpn")
        assert (check.ok, check.detail) == (True, "Install the helper service.")


async def test_the_place_outlives_the_program_and_the_coordinator(tmp_path: Path) -> None:
    async with overlaid(tmp_path) as made:
        await made.join()
        await eventually(lambda: made.keeper.wanted is not None, "our place")
        room = made.room
    again = Overlaid(room, tmp_path / "node")
    await again.node.start()
    assert again.keeper.wanted is not None
    assert again.keeper.wanted.certificate == made.keeper.applied[0].certificate  # type: ignore[union-attr]  # seen above
    await again.node.stop()


async def test_leaving_ends_the_overlay_and_takes_another_key(tmp_path: Path) -> None:
    async with overlaid(tmp_path) as made:
        await made.join()
        await eventually(lambda: made.keeper.wanted is not None, "our place")
        key = made.node.overlay.public_key
        await made.node.desk.leave()
        await eventually(lambda: made.node.overlay.public_key != key, "another key")
        assert made.keeper.wanted is None
        assert not (tmp_path / "node" / "overlay.json").exists()
