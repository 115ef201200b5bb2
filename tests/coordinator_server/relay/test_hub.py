"""The hub with workers that are reached by relay only: as a worker with an address is, and kept within limits."""

from __future__ import annotations

import asyncio
import hashlib
import io
import random
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from coordinator_server.relay import hub as hubs
from coordinator_server.relay.sizing import LATELY
from node.forwarding.websocket.stream import WebSocketStream
from node.program.tasks import TaskSet
from tests.support.coordinators import Room, coordinator_room
from tests.support.relays import CATALOGUE, RelayedWorker, hub, relayed_worker
from tests.support.waiting import eventually

SIZE = 20_000_000


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with coordinator_room(
        tmp_path / "c",
        catalogue=CATALOGUE,
        anonymous=True,
        address_rate="100000/s",
        vpn="off",
        connect_timeout=30.0,
    ) as room:
        yield room


@pytest.fixture
async def worker(room: Room) -> AsyncIterator[RelayedWorker]:
    async with relayed_worker(room) as worker:
        yield worker


def at(room: Room, path: str) -> str:
    return f"{room.url}/service/ner/{path}"


async def say(client: aiohttp.ClientSession, room: Room, text: bytes) -> str:
    async with client.post(at(room, "echo"), data=text) as answer:
        assert answer.status == 200, await answer.read()
        assert await answer.read() == text
        return answer.headers["X-RMA-Route"]


async def test_a_thousand_requests_and_large_bodies(
    room: Room, worker: RelayedWorker, client: aiohttp.ClientSession
) -> None:
    async def some(number: int) -> None:
        for turn in range(50):
            assert await say(client, room, b"%d %d" % (number, turn)) == "relay"

    await asyncio.gather(*(some(number) for number in range(20)))
    assert worker.services.peers == {"relay"}, "nobody came to its port"
    assert 1 <= hub(room).connections("w1")[0] <= 20
    await eventually(lambda: 1 <= hub(room).connections("w1")[1] <= 8, "some are ready for the next")
    assert hub(room).opened_in_all < 100, "they are used again"

    data = random.Random(1).randbytes(SIZE)
    async with client.post(at(room, "digest"), data=io.BytesIO(data)) as answer:
        assert await answer.json() == {"digest": hashlib.sha256(data).hexdigest(), "size": SIZE}
    async with client.get(at(room, f"much/{SIZE}")) as answer:
        assert await answer.read() == bytes(SIZE)
    async with client.post(at(room, "echo"), data=data[:900_000]) as answer:
        assert await answer.read() == data[:900_000]
    async with client.head(at(room, "echo")) as answer:
        assert answer.status == 200
    async with client.get(at(room, "closing")) as answer:
        assert await answer.read() == b"the end is when the connection ends"
    picture = await (await client.get(room.url + "/api/topology")).json()
    assert picture["workers"][0]["route"] == "direct", "it gives an address, which may be right"


async def test_events_come_as_they_are_sent_and_a_websocket_speaks_both_ways(
    room: Room, worker: RelayedWorker, client: aiohttp.ClientSession
) -> None:
    async with client.get(at(room, "events")) as answer:
        for number in range(3):
            assert await answer.content.readuntil(b"\n\n") == b"data: %d\n\n" % number
        worker.services.go_on.set()
        assert await answer.content.read() == b"data: last\n\n"
    async with client.ws_connect(at(room, "socket"), max_msg_size=0) as socket:
        await socket.send_str("abc")
        assert await socket.receive_str() == "cba"
        await socket.send_bytes(bytes(2_000_000))
        assert await socket.receive_bytes() == bytes(2_000_000)
    await eventually(lambda: hub(room).connections("w1")[0] <= 1, "the tunnel is over")


async def test_a_client_that_leaves_is_noticed_by_the_worker(
    room: Room, worker: RelayedWorker, client: aiohttp.ClientSession
) -> None:
    answer = await client.get(at(room, "events"))
    assert await answer.content.readuntil(b"\n\n")
    answer.close()
    async with asyncio.timeout(60):
        await worker.services.cancelled.wait()
    assert await say(client, room, b"the next one") == "relay"


async def test_who_reads_slowly_slows_the_worker_down_and_costs_no_memory(
    room: Room, worker: RelayedWorker, client: aiohttp.ClientSession
) -> None:
    size = 200_000_000
    reader, writer = await asyncio.open_connection("127.0.0.1", int(room.url.rpartition(":")[2]), limit=2**16)
    writer.write(b"GET /service/ner/much/%d HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % size)
    try:
        assert b" 200 OK" in await reader.readuntil(b"\r\n\r\n")
        last = -1
        while worker.services.sent != last:  # until nothing moves any more
            last = worker.services.sent
            await asyncio.sleep(0.5)
        assert last < size / 2, "somebody takes what nobody reads"
        streams: list[WebSocketStream] = list(worker.relay._streams)
        held = sum(stream.get_write_buffer_size() for stream in streams)
        assert held < 1_000_000
        assert await say(client, room, b"others are not held up") == "relay"
        before = worker.services.sent
        while worker.services.sent == before:
            assert await reader.read(2**20)
    finally:
        writer.transport.abort()


async def test_a_worker_that_does_not_read_slows_the_client_down(
    room: Room, worker: RelayedWorker, client: aiohttp.ClientSession
) -> None:
    sent, pieces = 0, 900

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(pieces):
            sent += 2**16
            yield bytes(2**16)

    async def post() -> object:
        async with client.post(at(room, "stuck"), data=body()) as answer:
            return await answer.json()

    async with asyncio.TaskGroup() as group:
        posting = group.create_task(post())
        await worker.services.begun.wait()
        last = -1
        while sent != last:
            last = sent
            await asyncio.sleep(0.5)
        assert sent < pieces * 2**16 / 2, "somebody takes what nobody reads"
        worker.services.go_on.set()
    assert posting.result() == {"size": pieces * 2**16}


async def both_serve(
    room: Room, client: aiohttp.ClientSession
) -> tuple[list[aiohttp.ClientResponse], list[aiohttp.ClientResponse]]:
    """Ask until both workers have begun to answer, as chance decides who does; return the answers of each."""
    answers: dict[str, list[aiohttp.ClientResponse]] = {"w1": [], "w2": []}
    while not all(answers.values()):
        answer = await client.get(at(room, "events"))
        answers[answer.headers["X-RMA-Worker"]].append(answer)
    return answers["w1"], answers["w2"]


async def test_a_worker_that_dies_in_the_middle_breaks_the_answer_and_nothing_else(
    room: Room, client: aiohttp.ClientSession
) -> None:
    async with relayed_worker(room, "w2") as other:
        async with relayed_worker(room, "w1") as dying:
            mine, others = await both_serve(room, client)
            for stream in tuple(dying.relay._streams):
                stream.abort()
            for answer in mine:
                with pytest.raises(aiohttp.ClientPayloadError):
                    await answer.content.read()
                answer.close()
        other.services.go_on.set()
        for answer in others:
            assert (await answer.content.read()).endswith(b"data: last\n\n")
        for _ in range(10):
            assert await say(client, room, b"the other one serves") == "relay"


async def test_revocation_cuts_everything_at_once(
    room: Room, worker: RelayedWorker, client: aiohttp.ClientSession
) -> None:
    answer = await client.get(at(room, "events"))
    assert await answer.content.readuntil(b"\n\n")
    await room.coordinator.workers.revoke("w1")
    with pytest.raises(aiohttp.ClientPayloadError):
        await answer.content.read()
    answer.close()  # one that ends badly stays with its connection
    await eventually(lambda: len(hub(room)) == 0, "nothing is left")
    await eventually(lambda: len(worker.relay) == 0, "at the other end neither")
    async with client.get(at(room, "echo")) as refused:
        assert refused.status == 503


async def test_a_worker_that_nobody_asks_for_costs_no_look() -> None:
    side = hubs.Side()
    assert side.is_quiet(0.0)
    side.asked_at = 100.0
    assert not side.is_quiet(100.0 + LATELY), "connections are kept ready"
    assert side.is_quiet(100.1 + LATELY)
    side.waiting.append(asyncio.get_running_loop().create_future())
    assert not side.is_quiet(100.1 + LATELY)


async def test_a_worker_is_expected_back_when_its_channel_breaks(
    room: Room, worker: RelayedWorker, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "GRACE", 3600.0)
    assert worker.channel is not None
    await worker.channel.close()
    await eventually(lambda: hub(room)._sides["w1"].line is None, "the channel is gone")
    assert hub(room).offers("w1")
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(say(client, room, b"wait for it"))
        await eventually(lambda: hub(room)._sides["w1"].waiting, "somebody waits")
        await worker.open_channel()
    assert waiting.result() == "relay"


async def test_a_worker_that_does_not_come_back_is_not_offered(
    room: Room, worker: RelayedWorker, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "GRACE", 0.05)
    assert await say(client, room, b"it is there") == "relay"
    member = room.coordinator.registry.member("w1")
    assert member is not None
    assert member.relays == (room.coordinator.coordinator_id,)
    assert worker.channel is not None
    await worker.channel.close()
    await eventually(lambda: not hub(room).offers("w1"), "it is not offered")
    member = room.coordinator.registry.member("w1")
    assert member is not None
    assert member.relays == ()


async def test_limits_hold(tmp_path: Path, client: aiohttp.ClientSession) -> None:
    async with (
        coordinator_room(
            tmp_path / "c",
            catalogue=CATALOGUE,
            anonymous=True,
            address_rate="100000/s",
            vpn="off",
            connect_timeout=30.0,
            relay_connections_per_worker=3,
        ) as room,
        relayed_worker(room) as worker,
    ):
        events = [await client.get(at(room, "events")) for _ in range(3)]
        assert [answer.status for answer in events] == [200] * 3
        async with client.get(at(room, "echo")) as more:
            assert more.status == 503, "there is no fourth connection"
        assert len(hub(room)) == 3
        worker.services.go_on.set()
        for answer in events:
            assert await answer.content.read()
        assert await say(client, room, b"there is room again") == "relay"


async def test_a_worker_opens_no_more_than_it_offers(room: Room, client: aiohttp.ClientSession) -> None:
    async with relayed_worker(room, most=2) as worker:
        events = [await client.get(at(room, "events")) for _ in range(2)]
        async with client.get(at(room, "echo")) as more:
            assert more.status == 503
        assert worker.relay.refused == 0, "it was not even asked"
        worker.relay.asked(room.url, ["t" * 22] * 50)
        assert worker.relay.refused == 50
        assert len(worker.relay) == 2
        for answer in events:
            answer.close()


async def test_who_opens_nothing_costs_a_connect_timeout_and_is_asked_within_limits(
    tmp_path: Path, client: aiohttp.ClientSession
) -> None:
    async with (
        coordinator_room(
            tmp_path / "c",
            catalogue=CATALOGUE,
            anonymous=True,
            address_rate="100000/s",
            vpn="off",
            connect_timeout=0.1,
        ) as room,
        relayed_worker(room) as worker,
    ):
        worker.deaf = True
        asked = [client.get(at(room, "echo")) for _ in range(80)]
        answers = await asyncio.gather(*asked)
        assert {answer.status for answer in answers} <= {502, 503}
        assert 1 <= len(worker.tickets) <= 64
        for answer in answers:
            answer.release()


async def test_those_that_nobody_needs_are_closed(
    room: Room, worker: RelayedWorker, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await say(client, room, b"it is there") == "relay"
    await eventually(lambda: hub(room).connections("w1")[1] == 1, "one is ready")
    hub(room)._sides["w1"].asked_at = float("-inf")  # as after a minute
    await eventually(lambda: hub(room).connections("w1")[1] == 0, "it is closed")
    await eventually(lambda: len(worker.relay) <= 1, "at the other end too")
    monkeypatch.setattr(hubs, "SPARE_LIFE", 0.0)
    hub(room)._sides["w1"].asked_at = (
        asyncio.get_running_loop().time() + 3600.0
    )  # as if somebody asked all the time
    opened = hub(room).opened_in_all
    await eventually(lambda: hub(room).opened_in_all > opened + 1, "one that is ready is replaced before it is old")


async def test_a_look_at_very_many_workers_lets_others_go_on_in_between(room: Room) -> None:
    quiet = {f"w-{number}": hubs.Side() for number in range(5 * hubs.MANY)}
    hub(room)._sides.update(quiet)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = TaskSet("others")
    beside.start(others(), "turns")
    await hub(room)._look()
    assert turns >= 4
    await beside.stop()
    for name in quiet:
        del hub(room)._sides[name]
