"""Coordinators that share a store tell their workers and everybody else of one another."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from coordinator_server.enrolment.workers import PREFIX
from coordinator_server.fleet.joining import as_others_know_it, follow
from coordinator_server.store.interface import Change, Seen
from coordinator_server.store.sqlite import SqliteStore
from node.program.tasks import TaskSet
from node.wire.channel import Close
from node.wire.messages import CoordinatorInfo
from tests.support.channels import close_code, hear, open_channel, signed
from tests.support.coordinators import Room, assignment, coordinator_room
from tests.support.overlay_mesh import share_store
from tests.support.pictures import draw
from tests.support.waiting import eventually

QUICK: dict[str, Any] = {"vpn": "off", "coordinator_heartbeat": 8.0, "worker_heartbeat": 3600.0}
CALM: dict[str, Any] = {"worker_stale": 7200.0, "worker_forgotten": 9000.0}


@pytest.fixture
async def rooms(tmp_path: Path) -> AsyncIterator[list[Room]]:
    """Run two coordinators with one store."""
    async with contextlib.AsyncExitStack() as stack:
        found: list[Room] = []
        for name in ("a", "b"):
            if found:
                share_store(tmp_path / "a", tmp_path / name)
            room = coordinator_room(tmp_path / name, location=name, **QUICK, **CALM)
            found.append(await stack.enter_async_context(room))
        await eventually(lambda: all(room.coordinator.fleet.others for room in found), "they know each other")
        yield found


async def test_workers_and_everybody_are_told_of_all(rooms: list[Room], tmp_path: Path) -> None:
    first, second = rooms
    worker = await first.worker("w-1")
    told = assignment(await worker.heartbeat()) if (await worker.register()).status == 200 else None
    assert told is not None
    known = [(info.id, info.url) for info in told.coordinators]
    assert known == [(room.coordinator.coordinator_id, room.url) for room in rooms], "who answers comes first"
    assert {contact.port for contact in told.dht} == {room.coordinator.dht.port for room in rooms}
    late = second.machine()
    answer = await late.enrol(await second.invite())
    assert [info["url"] for info in answer.json["coordinators"]] == [second.url, first.url]
    await eventually(lambda: all(room.coordinator.dht.peers() for room in rooms), "they meet in the DHT")
    shown = draw(first.coordinator).coordinators
    assert [(one.url, one.location, one.status) for one in shown] == [
        (first.url, "a", "active"), (second.url, "b", "active"),
    ]  # fmt: skip
    async with open_channel(worker) as socket:
        assert len((await hear(socket)).coordinators) == 2
        share_store(tmp_path / "a", tmp_path / "c")
        async with coordinator_room(tmp_path / "c", **QUICK, **CALM) as third:
            while third.url not in [info.url for info in (await hear(socket)).coordinators]:
                pass  # what it shall run is told as well
        while [info.url for info in (await hear(socket)).coordinators] != [first.url, second.url]:
            pass


async def test_who_is_let_in_by_one_is_known_to_all_and_who_is_put_out_is_out_everywhere(rooms: list[Room]) -> None:
    first, second = rooms
    worker = await first.worker("w-1")
    there = second.machine()
    there.key, there.worker_id, there.credential = worker.key, worker.worker_id, worker.credential
    assert (await there.register()).status == 200
    async with (
        open_channel(there) as socket,
        open_channel(there, {**signed(there), "X-RMA-Channel": "relay", "X-RMA-Relay": "4"}) as aside,
    ):
        await hear(socket)
        await first.coordinator.workers.revoke("w-1")
        assert await close_code(socket) == Close.EXPELLED
        assert await close_code(aside) == Close.EXPELLED
    assert second.coordinator.registry.member("w-1") is None
    assert (await there.heartbeat()).status == 403
    stranger = second.machine()
    stranger.worker_id, stranger.credential = "w-2", worker.credential
    assert (await stranger.heartbeat()).status == 401


async def test_what_one_changes_of_a_worker_the_others_know_at_once(rooms: list[Room]) -> None:
    first, second = rooms
    worker = await first.worker("w-1")
    seen = second.coordinator.workers
    await eventually(lambda: "w-1" in seen, "it is known before it says a word there")
    await first.coordinator.workers.approve("w-1")
    await eventually(lambda: (found := seen.get("w-1")) and found.trust == "vetted", "it is trusted there, too")
    await first.coordinator.workers.drain("w-1")
    await eventually(lambda: (found := seen.get("w-1")) and found.draining, "it is drained there, too")
    await first.coordinator.workers.remove("w-1", actor=f"worker:{worker.worker_id}")
    await eventually(lambda: "w-1" not in seen, "it has left everywhere")


@pytest.mark.parametrize(
    ("host", "known"), [("0.0.0.0", "mesh.example.org"), ("::", "mesh.example.org"), ("192.0.2.1", "192.0.2.1")]
)
def test_a_dht_node_that_listens_everywhere_is_where_the_url_leads(host: str, known: str) -> None:
    info = CoordinatorInfo(id="c", url="https://mesh.example.org", dht_host=host, dht_port=1)
    assert as_others_know_it(info, "mesh.example.org").dht_host == known
    assert as_others_know_it(info, "").dht_host in (None, known)


async def test_a_key_that_one_revokes_is_forgotten_by_all_at_once(rooms: list[Room]) -> None:
    first, second = (room.coordinator.keys for room in rooms)
    key, text = await first.create("website")
    assert await second.find(text) == second.recall(text) == key
    await first.revoke(key.id)
    await eventually(lambda: second.recall(text) is None, "the other one has forgotten it")  # the clock stands


async def test_what_was_taken_in_is_held_no_more_while_nothing_changes(tmp_path: Path) -> None:
    taken: list[int] = []

    async def take(seen: Seen) -> None:
        taken.append(len(seen.changes))

    def held() -> int:
        return sum(isinstance(one, Change) and one.key.startswith("row/") for one in gc.get_objects())

    async with coordinator_room(tmp_path / "c", **QUICK, **CALM) as room:
        for number in range(5):
            await room.coordinator.store.put(f"row/{number}", b"1")
        tasks = TaskSet("test")
        tasks.start(follow(room.coordinator, "row/", take), "follow")
        await eventually(lambda: taken == [5], "all was taken in")
        await eventually(lambda: not held(), "it is let go")
        await tasks.stop()


async def test_who_is_alone_asks_again_of_whom_the_store_was_in_doubt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    doubt = [False]
    monkeypatch.setattr(SqliteStore, "in_doubt", property(lambda _: doubt[0]))
    async with coordinator_room(tmp_path, **{**QUICK, **CALM, "coordinator_heartbeat": 1.0}) as room:
        workers, store = room.coordinator.workers, room.coordinator.store
        await room.worker("w-1")
        doubt[0] = True
        await store.delete(PREFIX + "w-1")  # another did so, which ended then
        await eventually(lambda: set(workers.unsure) == {"w-1"}, "nobody can say whether it is gone")
        assert "w-1" in workers
        doubt[0] = False
        await eventually(lambda: "w-1" not in workers, "now somebody can")
