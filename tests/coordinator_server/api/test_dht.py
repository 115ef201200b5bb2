"""Where the DHT is, and who may look into it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.coordinators import Room, coordinator_room


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with coordinator_room(tmp_path / "c") as room:
        yield room


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
