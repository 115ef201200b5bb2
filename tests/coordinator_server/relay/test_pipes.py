"""Gateway processes reach relayed workers through the first: whole, held up where need be, reset where broken."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import random
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from coordinator_server.gateway_processes.to_first import CLIENT
from coordinator_server.relay.pipes import PipeEnd, ToHub
from coordinator_server.serving import drain
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
        drain_deadline=60.0,
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


async def test_requests_through_all_processes(room: Room, worker: RelayedWorker, processes: Processes) -> None:
    """One story, for it takes seconds until several processes serve.

    The first parts count connections; those that are kept until somebody needs them come later.
    """
    await a_client_that_leaves_while_the_worker_takes_nothing_is_noticed(room, worker)
    await a_slow_reader_and_one_that_leaves(room, worker, processes)
    await an_answer_that_breaks_is_not_taken_for_a_whole_one(worker, processes)
    await all_processes_serve_through_one_hub(worker, processes)
    await outsiders_do_not_reach_the_hub(room, processes)
    await a_drain_does_not_wait_for_connections_that_nobody_uses(room, processes)


async def a_client_that_leaves_while_the_worker_takes_nothing_is_noticed(room: Room, worker: RelayedWorker) -> None:
    port = URL(room.url).port
    head = b"POST /service/ner/stuck HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000000\r\n\r\n"
    assert room.site.processes is not None
    pipes = room.site.processes._pipes
    assert pipes is not None
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(CLIENTS)]
        for client in clients:  # some at each of the processes
            client.setblocking(False)
            client.send(head + bytes(65_536))
        await eventually(lambda: worker.services.stuck == CLIENTS, "all are with the worker")

        row = 0

        def are_held_up() -> bool:
            nonlocal row
            for client in clients:
                with contextlib.suppress(BlockingIOError):
                    client.send(bytes(1_000_000))
            row = row + 1 if not any(end.transport.is_reading() for end in pipes._ends) else 0
            return row == 30  # and no longer because it is their turn to wait for a moment

        await eventually(are_held_up, "those from other processes are held up")
        for client in clients:  # by a reset: an end would wait behind what nobody takes
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await eventually(lambda: hub(room).connections("w1")[0] == 0, "their connections are over")
    assert not len(pipes)


async def all_processes_serve_through_one_hub(worker: RelayedWorker, processes: Processes) -> None:
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


async def a_slow_reader_and_one_that_leaves(room: Room, worker: RelayedWorker, processes: Processes) -> None:
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


async def an_answer_that_breaks_is_not_taken_for_a_whole_one(worker: RelayedWorker, processes: Processes) -> None:
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


async def outsiders_do_not_reach_the_hub(room: Room, processes: Processes) -> None:
    for _ in range(12):
        field = {CLIENT: "relay w1 1"}
        async with processes.session.get(room.url + "/relay", headers=field) as answer:
            assert answer.status == 404


async def a_drain_does_not_wait_for_connections_that_nobody_uses(room: Room, processes: Processes) -> None:
    """Each goes through one process and may be kept by another, and they would wait for one another."""
    answers = await asyncio.gather(*(processes.ask("GET", "echo") for _ in range(CLIENTS)))
    assert [answer.status for answer in answers] == [200] * CLIENTS
    for answer in answers:
        answer.close()
    assert sum(hub(room).connections("w1")), "some are kept"
    async with asyncio.timeout(25):  # after 30 s each would have been given up by itself
        await drain(room.site)
    await eventually(lambda: not len(hub(room)), "none is left")


def test_who_could_take_no_more_before_anybody_spoke_holds_the_other_side_up() -> None:
    inside, outside = PipeEnd(), PipeEnd()
    inside.connection_made(Paused())
    outside.connection_made(talker := Paused())
    inside.pause_writing()  # a worker that sent pings and read no answers
    outside.join(inside)
    assert not talker.is_reading(), "else what is said to it would pile up"
    inside.resume_writing()
    assert talker.is_reading()


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


class Paused(asyncio.Transport):
    """A transport that only remembers whether it reads."""

    reading = True

    def is_reading(self) -> bool:
        return self.reading

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class NoPool:
    """An owner that keeps nothing."""

    recent = Recent()
    head_limits = HeadLimits()
    interim = 8

    def free(self, connection: UpstreamConnection) -> None: ...

    def gone(self, connection: UpstreamConnection) -> None: ...
