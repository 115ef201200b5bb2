"""Where the DHT is, and who may look into it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.dht.node import DhtNode
from tests.support.coordinators import Room, Worker, coordinator_room
from tests.support.dht_nodes import QUICK, until


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with coordinator_room(tmp_path / "c") as room:
        yield room


@contextlib.asynccontextmanager
async def node_of(room: Room, worker: Worker) -> AsyncIterator[DhtNode]:
    """Run an enrolled worker's DHT node, which joins through the coordinator's."""
    dht = DhtNode(
        identity=worker.key,
        mesh_public_key=room.coordinator.mesh_key.public_key(),
        subject=worker.worker_id,
        credential=worker.credential,
        clock=room.clock,
        settings=QUICK,
    )
    await dht.start("127.0.0.1", 0)
    try:
        dht.set_bootstrap([("127.0.0.1", room.coordinator.dht.port)])
        yield dht
    finally:
        await dht.stop()


async def test_anybody_may_ask_where_the_dht_is(room: Room) -> None:
    answer = await room.machine().get("/api/dht/bootstrap")
    assert answer.json == {"contacts": [{"host": "127.0.0.1", "port": room.coordinator.dht.port}]}


async def test_a_dht_on_every_address_is_told_as_the_worker_reached_us(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path / "c", dht_host="0.0.0.0") as room:
        answer = await room.machine().get("/api/dht/bootstrap")
        assert answer.json["contacts"] == [{"host": "127.0.0.1", "port": room.coordinator.dht.port}]


async def test_workers_see_the_dhts_numbers_and_strangers_do_not(room: Room) -> None:
    worker = await room.worker("w-1")
    answer = await worker.get("/api/dht/stats")
    assert (answer.status, answer.json["node_id"]) == (200, room.coordinator.dht.id.hex())
    assert (await room.machine().get("/api/dht/stats")).status == 401


async def test_workers_see_whom_the_dht_node_knows_and_strangers_do_not(room: Room) -> None:
    worker = await room.worker("w-1")
    async with node_of(room, worker) as dht:
        await until(dht.contacts, "the worker's node has joined")
        await until(room.coordinator.dht.contacts, "the coordinator knows it")
        answer, port = await worker.get("/api/dht/topology"), dht.port
    assert answer.json["node_id"] == room.coordinator.dht.id.hex()
    (peer,) = answer.json["peers"]
    assert (peer["subject"], peer["role"], peer["host"], peer["port"]) == ("w-1", "worker", "127.0.0.1", port)
    assert (await room.machine().get("/api/dht/topology")).status == 401
