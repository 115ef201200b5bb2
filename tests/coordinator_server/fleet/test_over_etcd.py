"""Coordinators whose store is etcd: they are one mesh, and go on serving while etcd has no majority."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from coordinator_server.keys import MESH_KEY_FILE
from coordinator_server.store.etcd import store as etcd_store
from coordinator_server.store.interface import StoreError
from node.program.errors import UserFacingError
from node.wire.channel import Close
from tests.support.channels import close_code, hear, open_channel
from tests.support.coordinators import HOURLY, Room, coordinator_room
from tests.support.etcd import Cluster, etcd_cluster, pause, resume
from tests.support.waiting import eventually

pytestmark = pytest.mark.needs("etcd")
CALM: dict[str, Any] = {"vpn": "off", **HOURLY}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with etcd_cluster(2, "--heartbeat-interval", "50", "--election-timeout", "500") as cluster:
        yield cluster


@pytest.fixture
async def rooms(cluster: Cluster, tmp_path: Path) -> AsyncIterator[list[Room]]:
    """Run two coordinators; nothing is in both data directories but the mesh's key."""
    address = str(cluster.address())
    async with contextlib.AsyncExitStack() as stack:
        found: list[Room] = []
        for name in ("a", "b"):
            if found:
                (tmp_path / name).mkdir()
                shutil.copy2(tmp_path / "a" / MESH_KEY_FILE, tmp_path / name / MESH_KEY_FILE)
            found.append(await stack.enter_async_context(coordinator_room(tmp_path / name, store=address, **CALM)))
        await eventually(lambda: all(room.coordinator.fleet.others for room in found), "they know each other")
        yield found


async def test_who_is_let_in_by_one_is_let_in_by_all_and_put_out_by_all(rooms: list[Room]) -> None:
    first, second = rooms
    worker = await first.worker("w-1")
    there = second.machine()
    there.key, there.worker_id, there.credential = worker.key, worker.worker_id, worker.credential
    assert (await there.register()).status == 200
    async with open_channel(there) as socket:
        await hear(socket)
        await first.coordinator.workers.revoke("w-1")
        assert await close_code(socket) == Close.EXPELLED
    code = await first.invite(uses=20)
    answers = await asyncio.gather(*(room.machine().enrol(code) for room in rooms for _ in range(20)))
    assert sorted(answer.status for answer in answers) == [201] * 20 + [403] * 20, "nobody is let in twice"
    assert len({answer.json["worker_id"] for answer in answers if answer.status == 201}) == 20


async def test_without_a_majority_they_serve_on_refuse_who_is_new_and_know_one_another(
    cluster: Cluster, rooms: list[Room], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = rooms
    worker, newcomer, code = await first.worker("w-1"), first.machine(), await first.invite()
    assert (await worker.register()).status == 200
    _, key = await first.coordinator.keys.create("frontend")
    monkeypatch.setattr(etcd_store, "WRITE_WITHIN", 2.0)
    await asyncio.to_thread(cluster.settle)  # the other one alone says no more than it has
    pause(cluster.members[1])
    try:
        refused = await newcomer.enrol(code)
        assert (refused.status, refused.problem) == (503, "store-unavailable")
        assert "Most members of the store do not answer" in refused.json["detail"]
        assert (await worker.heartbeat("ner")).status == 200
        assert [record.worker_id for record in first.coordinator.registry.offers()["ner"]] == ["w-1"]
        assert await second.coordinator.keys.find(key) is not None, "which it has to read"
        for unknown in (
            second.coordinator.keys.find(f"rma_{'0' * 12}_{'A' * 43}"),
            second.coordinator.keys.revoke("0" * 12),
            second.coordinator.invites.revoke("0" * 12),
        ):
            with pytest.raises(StoreError, match="It may be there all the same"):
                await unknown
        assert first.coordinator.fleet.others
        assert second.coordinator.fleet.others
        with pytest.raises(UserFacingError, match="Most members"):
            async with coordinator_room(tmp_path / "c", store=second.coordinator.config.store, **CALM):
                pass
    finally:
        resume(cluster.members[1])
    await asyncio.to_thread(cluster.leader)
    deadline = asyncio.get_running_loop().time() + 60
    while (answer := await newcomer.enrol(code)).status != 201:
        assert asyncio.get_running_loop().time() < deadline, answer.body
