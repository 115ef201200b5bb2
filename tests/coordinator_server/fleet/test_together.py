"""Several coordinators on one store are as one: what they know of workers, and who says what these run."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from node.wire.manifests import Catalogue, Manifest
from tests.support.coordinators import Room, Worker, assignment, coordinator_room
from tests.support.overlay_mesh import share_store
from tests.support.waiting import eventually

CALM: dict[str, Any] = {"vpn": "off", "worker_stale": 7200.0, "worker_forgotten": 9000.0}
ONE = Catalogue((Manifest(name="one", title="One", replicas=1, data_class="public"),))


@contextlib.asynccontextmanager
async def room_of(folder: Path, name: str, **settings: Any) -> AsyncIterator[Room]:
    """Run a coordinator on the store of the one that was run first."""
    if name != "a":
        share_store(folder / "a", folder / name)
    wish = {"worker_heartbeat": 3600.0, **CALM, **settings}
    async with coordinator_room(folder / name, catalogue=ONE, **wish) as room:
        yield room


async def know_one_another(rooms: Sequence[Room]) -> None:
    await eventually(
        lambda: all(len(room.coordinator.together.roster.runs) == len(rooms) for room in rooms),
        "they know one another",
    )


def at(worker: Worker, room: Room) -> Worker:
    """Return the same machine as it speaks with another coordinator."""
    other = room.machine()
    other.key, other.worker_id, other.credential = worker.key, worker.worker_id, worker.credential
    return other


def given(rooms: Sequence[Room], *names: str) -> list[set[str]]:
    """Return what each coordinator says that these run."""
    return [
        {f"{name} {service}" for name in names for service in room.coordinator.planning.assigned(name)}
        for room in rooms
    ]


@pytest.fixture
async def rooms(tmp_path: Path) -> AsyncIterator[list[Room]]:
    async with contextlib.AsyncExitStack() as stack:
        found = [await stack.enter_async_context(room_of(tmp_path, name)) for name in ("a", "b")]
        await know_one_another(found)
        yield found


async def test_replicas_are_counted_over_the_whole_mesh_and_a_worker_takes_along_what_it_runs(
    rooms: list[Room],
) -> None:
    first, second = rooms
    one, other = await first.worker("w-1"), await first.worker("w-2")
    assert (await one.register()).status == 200
    await eventually(lambda: given(rooms, "w-1", "w-2") == [{"w-1 one"}] * 2, "somebody runs it")
    other = at(other, second)
    assert (await other.register()).status == 200
    roster = first.coordinator.together.roster
    await eventually(lambda: "w-2" in roster.live and "w-2" in roster.assigned, "both know of it")
    assert given(rooms, "w-1", "w-2") == [{"w-1 one"}] * 2
    moved = at(one, second)
    answer = await moved.register()
    assert answer.json["assignment"]["services"] == ["one"]
    await eventually(lambda: first.coordinator.registry.member("w-1") is None, "it is let go")
    assert (await one.heartbeat("one")).problem == "unknown-worker"
    assert assignment(await moved.heartbeat("one")).services == ("one",)
    assert given(rooms, "w-1", "w-2") == [{"w-1 one"}] * 2
    assert sum(room.coordinator.together.leads for room in rooms) == 1
