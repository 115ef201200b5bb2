"""Three coordinators with one store, and a worker that is registered with none of them: only the DHT knows it.

Two of them have a channel of it for the relay alone; the third passes requests on to these.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from node.dht.node import DhtNode, DhtSettings
from node.program.tasks import TaskSet
from node.wire.headers import ATTEMPTS, ROUTE, WORKER
from node.wire.messages import Endpoints, WorkerRecord
from tests.support.coordinators import Answer, Room, Worker, coordinator_room
from tests.support.overlay_mesh import share_store
from tests.support.relays import CATALOGUE, RelayedWorker, hub
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(300)
NAMES = ("a", "b", "c")


@contextlib.asynccontextmanager
async def three(folder: Path) -> AsyncIterator[tuple[list[Room], contextlib.AsyncExitStack]]:
    """Run three coordinators; the first can be ended by itself."""
    async with contextlib.AsyncExitStack() as stack:
        first = await stack.enter_async_context(contextlib.AsyncExitStack())
        rooms: list[Room] = []
        for name in NAMES:
            if rooms:
                share_store(folder / NAMES[0], folder / name)
            room = coordinator_room(
                folder / name,
                time.time,  # type: ignore[arg-type]  # it is called, no more
                CATALOGUE,
                vpn="off",
                anonymous=True,
                coordinator_heartbeat=8.0,
                connect_timeout=30.0,
            )
            rooms.append(await (stack if rooms else first).enter_async_context(room))
        fleets = [room.coordinator.fleet for room in rooms]
        await eventually(lambda: all(len(fleet.others) == 2 for fleet in fleets), "they know one another")
        yield rooms, first


async def ask(room: Room, path: str = "ner/echo") -> Answer:
    url = f"{room.url}/service/{path}"
    async with aiohttp.ClientSession() as session, session.post(url, data=b"hello") as answer:
        return Answer(answer.status, answer.headers, await answer.read())


def at(worker: Worker, room: Room) -> Worker:
    """Return the same machine as it speaks with another coordinator."""
    other = room.machine()
    other.key, other.worker_id, other.credential = worker.key, worker.worker_id, worker.credential
    return other


@contextlib.asynccontextmanager
async def relayed_by(worker: Worker, room: Room) -> AsyncIterator[RelayedWorker]:
    """Have a worker hold a channel for the relay alone."""
    made, tasks = RelayedWorker(at(worker, room)), TaskSet("second-channel")
    try:
        await made.start()
        made.channel = await made.client.open_channel(made.info, 20.0, 64, only_relay=True)
        tasks.start(made._listen(made.channel), "listen")
        await eventually(lambda: hub(room).offers(worker.worker_id), "the relay is offered")
        yield made
    finally:
        await tasks.stop()
        await made.stop()


@contextlib.asynccontextmanager
async def in_the_dht(worker: Worker, rooms: list[Room], *by: Room) -> AsyncIterator[DhtNode]:
    """Have a worker say in the DHT by which coordinators it is reached; nobody listens at its port."""
    dht = DhtNode(
        identity=worker.key,
        mesh_public_key=rooms[0].coordinator.keyring.trust,
        subject=worker.worker_id,
        credential=worker.credential,
        clock=time.time,
        settings=DhtSettings(rpc_timeout=2.0, republish=2.0, entry_ttl=60.0),
    )
    await dht.start("127.0.0.1", 0)
    try:
        dht.set_bootstrap([("127.0.0.1", room.coordinator.dht.port) for room in rooms])
        await eventually(lambda: len(dht.peers()) == len(rooms), "it has joined")
        relays = tuple(room.coordinator.coordinator_id for room in by)
        ends = Endpoints(port=9, direct_hosts=("127.0.0.1",))
        record = WorkerRecord(worker_id=worker.worker_id, endpoints=ends, services=("ner",), relays=relays)
        await dht.publish(record, ["ner"])
        yield dht
    finally:
        await dht.stop()


async def served(room: Room, worker: Worker) -> Answer:
    """Ask until there is an answer."""
    async with asyncio.timeout(120):
        while (answer := await ask(room)).status != 200:
            assert answer.status in (502, 503), answer.body
            await asyncio.sleep(0.1)
    assert (answer.headers[WORKER], answer.headers[ROUTE], answer.body) == (worker.worker_id, "relay", b"hello")
    return answer


async def test_each_serves_a_worker_that_only_the_dht_knows(tmp_path: Path) -> None:
    async with three(tmp_path) as (rooms, first), contextlib.AsyncExitStack() as stack:
        one, other, third = rooms
        worker = await one.worker("w1")
        main = await stack.enter_async_context(relayed_by(worker, one))
        aside = await stack.enter_async_context(relayed_by(worker, other))
        await stack.enter_async_context(in_the_dht(worker, rooms, one, other))
        for room in rooms:
            assert room.coordinator.registry.member("w1") is None
            await served(room, worker)
            for _ in range(20):
                answer = await ask(room)
                assert (answer.status, answer.headers[ROUTE], answer.headers[ATTEMPTS]) == (200, "relay", "1")
        assert len(aside.services.heads) >= 21
        assert len(main.services.heads) >= 42, "the third goes by the one that the worker names first"
        assert {head["X-RMA-Hops"] for _, head in main.services.heads} == {"1"}
        assert (await ask(third, "unheard-of")).problem == "unknown-service"

        await first.aclose()
        before = len(aside.services.heads)
        for room in (other, third):
            for _ in range(5):
                await served(room, worker)
        assert len(aside.services.heads) >= before + 10

        await other.coordinator.workers.revoke("w1")
        end = time.monotonic() + 120
        while (await ask(third)).status != 503:
            assert time.monotonic() < end, "a revoked worker is asked on"
            await asyncio.sleep(0.1)
        assert not hub(other).offers("w1")
