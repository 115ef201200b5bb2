"""Several coordinators on one store are as one: what they know of workers, and who says what these run."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from coordinator_server.api.topology import count_workers
from coordinator_server.fleet import together
from coordinator_server.fleet.roster import ASSIGNER, LIVE, PREFIX, RUN
from coordinator_server.front import FRONT
from node.wire.manifests import Catalogue, Manifest
from tests.support.coordinators import Room, Worker, assignment, coordinator_room
from tests.support.overlay_mesh import share_store
from tests.support.pictures import draw, parts
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


async def test_each_shows_the_whole_mesh_and_every_worker_once(rooms: list[Room]) -> None:
    first, second = rooms
    one, other = await first.worker("w-1"), at(await first.worker("w-2"), second)
    for worker in (one, other):
        assert (await worker.register()).status == 200
        await worker.heartbeat("one", load=0.5)
    await eventually(
        lambda: all(len(room.coordinator.together.roster.live) == 2 for room in rooms), "all know of both"
    )
    ids = [room.coordinator.coordinator_id for room in rooms]
    await eventually(
        lambda: all({worker.services for worker in draw(room.coordinator).workers} == {("one",)} for room in rooms),
        "all know what they run",
    )
    for room in rooms:
        shown = draw(room.coordinator)
        assert [(worker.id, worker.coordinator) for worker in shown.workers] == [("w-1", ids[0]), ("w-2", ids[1])]
        assert [(link.source, link.target) for link in shown.links] == [(ids[0], "w-1"), (ids[1], "w-2")]
        assert {one.id: one.workers for one in shown.coordinators} == dict.fromkeys(ids, 1)
        assert shown.services[0].workers == ("w-1", "w-2")
        assert parts(await room.site.app[FRONT].stream.now()) == parts(shown), "it was told of all that changed"
        assert count_workers(room.coordinator).total == 2
        metrics = (await one.get("/metrics")).body.decode()
        assert "rma_registered_workers 2.0" in metrics
        assert "rma_coordinators 2.0" in metrics
        admin = {"Authorization": f"Bearer {room.coordinator.admin_token}"}
        async with room.session.get(room.url + "/api/admin/workers", headers=admin) as answer:
            listed = {worker["worker_id"]: worker for worker in (await answer.json())["workers"]}
        assert {name: worker["coordinator"] for name, worker in listed.items()} == {"w-1": ids[0], "w-2": ids[1]}
        assert {worker["status"] for worker in listed.values()} == {"active"}
        async with room.session.get(room.url + "/api/admin/plan", headers=admin) as answer:
            assert answer.status == 200, await answer.text()


async def test_a_worker_that_leaves_is_replaced_by_one_of_another_coordinator(rooms: list[Room]) -> None:
    first, second = rooms
    one, other = await first.worker("w-1"), at(await first.worker("w-2"), second)
    assert (await one.register()).status == 200
    await eventually(lambda: given(rooms, "w-1") == [{"w-1 one"}] * 2, "one runs it")
    assert (await other.register()).status == 200
    assert (await one.say("leave")).status == 200
    await eventually(lambda: given(rooms, "w-1", "w-2") == [{"w-2 one"}] * 2, "the other one does")
    assert not any(room.coordinator.together.roster.expected for room in rooms)
    await eventually(
        lambda: all("w-1" not in room.coordinator.together.roster.assigned for room in rooms), "it is forgotten"
    )


async def test_one_that_joins_hears_of_all_workers_and_when_it_has_gone_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together, "LINGER", 0.5)
    async with room_of(tmp_path, "a") as first:
        roster = first.coordinator.together.roster
        names = [f"w-{number}" for number in range(250)]
        code = await first.invite(uses=len(names))
        for name in names:
            worker = first.machine()
            assert (await worker.enrol(code, worker_id=name)).status == 201
            assert (await worker.register()).status == 200
        before = dict(first.coordinator.planning.all_assigned())
        assert not roster.live, "alone nobody is told of anything"
        async with room_of(tmp_path, "b") as second:
            there = second.coordinator.together.roster
            await eventually(lambda: there.live.keys() == set(names), "it has heard of all")
            assert len(draw(second.coordinator).workers) == len(names)
            assert await second.coordinator.store.list(LIVE)
            assert not second.coordinator.together.leads
            await eventually(lambda: there.assigned == before, "and of what each runs")
        await eventually(lambda: not roster.others() and not roster.live, "nothing is left")
        assert not await first.coordinator.store.list(LIVE)
        assert first.coordinator.planning.all_assigned() == before


async def test_what_an_earlier_version_had_given_stays(tmp_path: Path) -> None:
    async with room_of(tmp_path, "a") as room:
        worker = await room.worker("w-1")
        await room.worker("w-2")
        key = f"{together.OLD_KEY}/{room.coordinator.coordinator_id}"
        await room.coordinator.store.put(key, b'{"w-2":["one"],"nobody":["one"]}')
    async with room_of(tmp_path, "a") as room:
        worker.url, worker.session = room.url, room.session
        assert (await worker.register()).json["assignment"]["services"] == [], "the other one has it"
        roster = room.coordinator.together.roster
        await eventually(lambda: roster.assigned == {"w-1": (), "w-2": ("one",)}, "it is kept in the new way")
        assert await room.coordinator.store.get(key) is None
        roster.expected["w-2"] = 0.0  # the time is over
        await eventually(lambda: given([room], "w-1") == [{"w-1 one"}], "who does not come back is replaced")


async def test_what_an_earlier_version_left_and_nobody_can_read_stops_no_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with room_of(tmp_path, "a") as room:
        await room.coordinator.store.put(together.OLD_KEY, b"?")
    async with room_of(tmp_path, "a") as room:
        assert room.coordinator.readiness.ready
    assert "what workers ran before cannot be read" in caplog.text


async def test_one_that_ends_in_good_order_lets_another_one_assign_at_once(tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        ending = await stack.enter_async_context(contextlib.AsyncExitStack())
        first = await ending.enter_async_context(room_of(tmp_path, "a"))
        second = await stack.enter_async_context(room_of(tmp_path, "b"))
        await know_one_another([first, second])
        await eventually(lambda: first.coordinator.together.leads, "the first one assigns")
        first.coordinator.together.resign()
        await eventually(lambda: second.coordinator.together.leads, "the other one does")
        assert not first.coordinator.together.leads
        await ending.aclose()
        left = [key for key, _ in await second.coordinator.store.list(PREFIX)]
        assert left == [ASSIGNER, RUN + second.coordinator.together.roster.own_run]


async def test_a_fault_of_the_program_ends_nothing_for_ever(
    rooms: list[Room], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = rooms
    await eventually(lambda: any(room.coordinator.together.leads for room in rooms), "one of them assigns")
    leading = next(room.coordinator for room in rooms if room.coordinator.together.leads)
    broken: set[str] = set()

    def break_once(owner: Any, name: str) -> None:
        whole = getattr(owner, name)

        def fail(*arguments: Any, **more: Any) -> Any:
            monkeypatch.setattr(owner, name, whole)
            broken.add(name)
            raise RuntimeError("something that nobody has thought of")

        monkeypatch.setattr(owner, name, fail)

    break_once(leading.planning, "propose")
    break_once(leading.together.roster, "take")
    break_once(together, "facts_of")
    assert (await (await first.worker("w-1")).register()).status == 200
    await eventually(lambda: given(rooms, "w-1") == [{"w-1 one"}] * 2, "it goes on")
    assert broken == {"propose", "take", "facts_of"}
