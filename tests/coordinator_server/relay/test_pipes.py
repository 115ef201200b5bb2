"""Gateway processes reach relayed workers through the first: whole, held up where need be, reset where broken."""

from __future__ import annotations

import asyncio
import hashlib
import io
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from coordinator_server.gateway_processes.to_first import CLIENT
from coordinator_server.relay.pipes import ToHub
from node.forwarding.http1.head import HeadLimits
from node.forwarding.http1.pool import FullError
from node.forwarding.http1.upstream import Recent, UpstreamConnection
from tests.support.coordinators import Room, coordinator_room
from tests.support.relays import CATALOGUE, RelayedWorker, hub, relayed_worker
from tests.support.waiting import eventually

SIZE = 5_000_000
CLIENTS = 24


class Processes:
    """Requests on connections of their own, so that the kernel shares them out among all processes."""

    def __init__(self, room: Room, session: aiohttp.ClientSession) -> None:
        self.url = room.url + "/service/ner/"
        self.session = session

    def ask(self, method: str, path: str, **more: Any) -> Any:
        return self.session.request(method, self.url + path, **more)

    async def until_served(self) -> None:
        """Wait until all processes know the worker: until many connections in a row lead to it."""
        row = 0
        async with asyncio.timeout(120):
            while row < 30:
                async with self.ask("GET", "echo") as answer:
                    row = row + 1 if answer.status == 200 else 0


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with coordinator_room(
        tmp_path / "c",
        catalogue=CATALOGUE,
        anonymous=True,
        address_rate="100000/s",
        vpn="off",
        workers=3,
        connect_timeout=30.0,
    ) as room:
        yield room


@pytest.fixture
async def worker(room: Room) -> AsyncIterator[RelayedWorker]:
    async with relayed_worker(room) as worker:
        yield worker


@pytest.fixture
async def processes(room: Room, worker: RelayedWorker) -> AsyncIterator[Processes]:
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        made = Processes(room, session)
        await made.until_served()
        yield made


async def test_all_processes_serve_through_one_hub(room: Room, worker: RelayedWorker, processes: Processes) -> None:
    data = random.Random(3).randbytes(SIZE)
    digest = hashlib.sha256(data).hexdigest()

    async def some(number: int) -> None:
        for _ in range(4):
            async with processes.ask("POST", "echo", data=b"%d" % number) as answer:
                assert await answer.read() == b"%d" % number
                assert answer.headers["X-RMA-Route"] == "relay"
        async with processes.ask("POST", "digest", data=io.BytesIO(data)) as answer:
            assert await answer.json() == {"digest": digest, "size": SIZE}
        async with processes.ask("GET", f"much/{SIZE}") as answer:
            assert await answer.read() == bytes(SIZE)
        async with processes.ask("GET", "closing") as answer:
            assert await answer.read() == b"the end is when the connection ends"

    await asyncio.gather(*(some(number) for number in range(CLIENTS)))
    assert len(worker.relay) <= 64


async def test_an_answer_that_breaks_is_not_taken_for_a_whole_one(
    room: Room, worker: RelayedWorker, processes: Processes
) -> None:
    answers = [await processes.ask("GET", "events") for _ in range(12)]  # some at each of the processes
    for stream in tuple(worker.relay._streams):
        stream.abort()
    for answer in answers:
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.content.read()
    answers = [await processes.ask("GET", "events") for _ in range(12)]
    worker.services.go_on.set()
    for answer in answers:
        assert (await answer.content.read()).endswith(b"data: last\n\n")


async def test_a_slow_reader_and_one_that_leaves(room: Room, worker: RelayedWorker, processes: Processes) -> None:
    answers = [await processes.ask("GET", "much/100000000") for _ in range(6)]
    last = -1
    while worker.services.sent != last:
        last = worker.services.sent
        await asyncio.sleep(0.5)
    assert last < 6 * 100_000_000 / 2, "somebody takes what nobody reads"
    for answer in answers:
        answer.close()
    await eventually(lambda: hub(room).connections("w1")[0] <= 24, "their connections are over")
    events = await processes.ask("GET", "events")
    assert await events.content.readuntil(b"\n\n")
    events.close()
    async with asyncio.timeout(60):
        await worker.services.cancelled.wait()


async def test_outsiders_do_not_reach_the_hub(room: Room, processes: Processes) -> None:
    for _ in range(12):
        field = {CLIENT: "relay w1 1"}
        async with processes.session.get(room.url + "/relay", headers=field) as answer:
            assert answer.status == 404


async def test_who_cannot_be_reached_is_told_apart_from_who_may_not_be(room: Room, worker: RelayedWorker) -> None:
    assert room.site.processes is not None
    path = room.site.processes._from_gateways.path
    connect = ToHub(path, 1)
    with pytest.raises(OSError) as unreachable:
        await connect("nobody", UpstreamConnection(NoPool()))
    assert not isinstance(unreachable.value, FullError)
    connections = [UpstreamConnection(NoPool()) for _ in range(64)]
    for connection in connections:
        await connect("w1", connection)
    with pytest.raises(FullError):
        await connect("w1", UpstreamConnection(NoPool()))
    for connection in connections:
        connection.transport.abort()
    await eventually(lambda: hub(room).connections("w1")[0] == 0, "all are over")
    with pytest.raises(OSError, match="No such file"):
        await ToHub(path + "-elsewhere", 1)("w1", UpstreamConnection(NoPool()))


class NoPool:
    """An owner that keeps nothing."""

    recent = Recent()
    head_limits = HeadLimits()
    interim = 8

    def free(self, connection: UpstreamConnection) -> None: ...

    def gone(self, connection: UpstreamConnection) -> None: ...
