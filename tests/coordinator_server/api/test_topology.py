"""The picture of the mesh: a look takes in what has changed, and costs nothing for the rest."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coordinator_server.api import drawing, topology
from coordinator_server.api.shapes import Topology, TopologyWorker
from coordinator_server.api.topology import Picture, count_workers, find_gaps
from coordinator_server.application import Coordinator
from tests.support.front import Front, running_front, standing_clock


class Clock:
    """A clock that a test moves."""

    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    async with running_front(tmp_path) as made:
        yield made


def picture(coordinator: Coordinator) -> Picture:
    """Return a picture that is told of changes, in place of the one that the coordinator shows."""
    made = Picture(coordinator, "0.1.0")
    coordinator.registry.differs = made.differs
    return made


def look(drawn: Picture) -> Topology:
    drawn.look()
    return drawn.topology()


async def test_a_look_tells_what_is_new_and_the_rest_is_put_together_once(tmp_path: Path) -> None:
    async with running_front(tmp_path, standing_clock()) as front:
        drawn = picture(front.coordinator)
        worker = await front.join("alpha")
        before = look(drawn)
        assert drawn.look().is_empty
        assert drawn.topology().workers is before.workers
        worker.load = 0.75
        await worker.heartbeat()
        delta = drawn.look()
        assert [one.load for one in delta.changed.workers] == [0.75]
        assert delta.changed.links == (), "the way to it is what it was"
        assert drawn.topology().workers[0].load == 0.75
        front.coordinator.readiness.draining = True
        assert [one.status for one in drawn.look().changed.coordinators] == ["draining"]
        assert drawn.topology().coordinators[0].status == "draining"


async def test_silence_shows_with_the_registrys_next_look_at_it(tmp_path: Path, clock: Clock) -> None:
    clock.now = time.time()  # workers' tokens are of now
    async with running_front(tmp_path, clock) as front:
        drawn = picture(front.coordinator)
        names = {(await front.join(name)).worker_id for name in ("alpha", "beta")}
        drawn.look()
        clock.now += front.coordinator.config.worker_stale
        front.coordinator.registry.tick()
        delta = drawn.look()
        assert {worker.id: worker.status for worker in delta.changed.workers} == dict.fromkeys(names, "stale")
        assert delta.timestamp == drawn.topology().timestamp == clock.now


async def test_a_look_takes_no_longer_than_there_is_that_is_new(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def draw_worker(coordinator: Coordinator, worker_id: str) -> TopologyWorker | None:
        seen.append(worker_id)
        return drawing.draw_worker(coordinator, worker_id)

    monkeypatch.setattr(topology, "draw_worker", draw_worker)
    monkeypatch.setattr(topology, "MOST", 2)
    drawn = picture(front.coordinator)
    names = sorted([(await front.join(name)).worker_id for name in ("a", "b", "c")])
    assert drawn.is_far_behind
    assert len(look(drawn).workers) == 2, "many are taken in bit by bit"
    assert not drawn.is_far_behind
    assert [worker.id for worker in look(drawn).workers] == names
    seen.clear()
    await front.workers[0].heartbeat()
    drawn.look()
    assert seen == [front.workers[0].worker_id]


async def test_who_came_and_went_while_nobody_looked_is_not_kept(front: Front) -> None:
    drawn = picture(front.coordinator)
    seen = await front.join("seen")
    drawn.look()
    unseen = await front.join("unseen")
    for worker in (seen, unseen):
        await front.coordinator.workers.remove(worker.worker_id, actor="admin")
    assert drawn._due == {seen.worker_id}
    delta = drawn.look()
    assert delta.removed.workers == (seen.worker_id,)
    assert delta.removed.links == (f"{front.coordinator.coordinator_id}>{seen.worker_id}",)
    assert drawn.topology().workers == ()


async def test_a_service_that_many_run_is_told_less_often_and_who_comes_is_told_the_same(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topology, "MANY", 1)
    now = [1000.0]
    drawn = Picture(front.coordinator, "1", steady=lambda: now[0])
    front.coordinator.registry.differs = drawn.differs

    def told() -> list[int]:
        return [service.healthy for service in drawn.look().changed.services if service.name == "echo"]

    assert told() == [0]
    await front.join("a")
    assert told() == [1], "nobody ran it, so there was no list to tell"
    await front.join("b")
    assert told() == []
    shown = {service.name: service.healthy for service in drawn.topology().services}
    assert shown["echo"] == 1, "if the second one leaves now, nobody is told anything"
    now[0] += topology.PAUSE
    assert told() == [2]
    await front.join("c")
    now[0] += topology.PAUSE
    assert told() == [], "more names, more time"
    now[0] += topology.PAUSE
    assert told() == [3]


async def test_only_active_workers_count_for_a_service(front: Front) -> None:
    worker = await front.join("alpha")
    drawn = picture(front.coordinator)

    def echo() -> tuple[int, str]:
        service = next(service for service in look(drawn).services if service.name == "echo")
        return service.healthy, service.reason

    assert echo() == (1, "")
    await worker.heartbeat(state="failed")
    healthy, reason = echo()
    assert healthy == 0
    assert "not started" in reason
    await worker.heartbeat()
    await front.ask("POST", f"/api/admin/workers/{worker.worker_id}/drain")
    healthy, reason = echo()
    assert healthy == 0
    assert reason
    assert [worker.status for worker in look(drawn).workers] == ["draining"]


async def test_gaps_are_the_services_below_what_is_wanted(front: Front) -> None:
    drawn = picture(front.coordinator)
    assert "echo" in {gap.service for gap in find_gaps(look(drawn))}
    await front.join("alpha")
    gaps = {gap.service: gap for gap in find_gaps(look(drawn))}
    assert "echo" not in gaps
    assert (gaps["ner-extraction"].wanted, gaps["ner-extraction"].running) == (2, 0)
    assert count_workers(front.coordinator).total == 1
