"""The picture of the mesh: drawn anew when something changes, once for however many ask."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coordinator_server.api.shapes import TopologyLink, TopologyWorker
from coordinator_server.api.topology import LIFE, Picture, count_workers, find_gaps
from coordinator_server.application import Coordinator
from coordinator_server.registry.planning import NowHere
from coordinator_server.registry.plans import Plan
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
    return Picture(coordinator, "0.1.0")


async def test_it_is_drawn_once_until_something_changes(tmp_path: Path) -> None:
    async with running_front(tmp_path, standing_clock()) as front:
        drawn = picture(front.coordinator)
        worker = await front.join("alpha")
        first = drawn.read()
        assert drawn.read() is first
        worker.load = 0.75
        await worker.heartbeat()
        assert drawn.read().workers[0].load == 0.75
        front.coordinator.readiness.draining = True
        assert drawn.read().coordinators[0].status == "draining"


async def test_silence_shows_within_a_second(tmp_path: Path, clock: Clock) -> None:
    async with running_front(tmp_path, clock) as front:
        drawn = picture(front.coordinator)
        before = drawn.read()
        clock.now += LIFE / 2
        assert drawn.read() is before
        clock.now += LIFE
        assert drawn.read() is not before


async def test_what_has_not_changed_stays_the_same_object(tmp_path: Path, clock: Clock) -> None:
    clock.now = time.time()  # workers' tokens are of now
    async with running_front(tmp_path, clock) as front:
        drawn = picture(front.coordinator)
        quiet, busy = await front.join("quiet"), await front.join("busy")

        def seen() -> dict[str, tuple[TopologyWorker, TopologyLink]]:
            clock.now += LIFE
            topology = drawn.read()
            assert [link.target for link in topology.links] == [worker.id for worker in topology.workers]
            both = zip(topology.workers, topology.links, strict=True)
            return {worker.id: (worker, link) for worker, link in both}

        before = seen()
        busy.load = 0.75
        await busy.heartbeat()
        after = seen()
        assert after[quiet.worker_id][0] is before[quiet.worker_id][0]
        assert after[busy.worker_id][0].load == 0.75
        assert after[busy.worker_id][1] is before[busy.worker_id][1], "the way to it is what it was"
        clock.now += front.coordinator.config.worker_stale
        assert {worker.status for worker, _ in seen().values()} == {"stale"}
        await front.coordinator.workers.remove(busy.worker_id, actor="admin")
        assert [*seen()] == [quiet.worker_id]


async def test_only_active_workers_count_for_a_service(front: Front) -> None:
    worker = await front.join("alpha")
    drawn = picture(front.coordinator)

    def echo() -> tuple[int, str]:
        service = next(service for service in drawn.read().services if service.name == "echo")
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
    assert [worker.status for worker in drawn.read().workers] == ["draining"]


async def test_gaps_are_the_services_below_what_is_wanted(front: Front) -> None:
    drawn = picture(front.coordinator)
    assert "echo" in {gap.service for gap in find_gaps(drawn.read())}
    await front.join("alpha")
    gaps = {gap.service: gap for gap in find_gaps(drawn.read())}
    assert "echo" not in gaps
    assert (gaps["ner-extraction"].wanted, gaps["ner-extraction"].running) == (2, 0)
    assert count_workers(front.coordinator).total == 1


async def test_who_draws_in_a_thread_plans_nothing_there(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    planning, threads = front.coordinator.planning, list[int]()
    await front.join("alpha")
    propose = planning.propose

    def proposed(here: NowHere) -> tuple[Plan, float]:
        threads.append(threading.get_ident())
        return propose(here)

    monkeypatch.setattr(planning, "propose", proposed)
    planning._next_plan = 0.0
    planning.look_again()
    drawn = picture(front.coordinator)
    assert len((await asyncio.to_thread(drawn.look)).workers) == 1
    drawn.read()
    assert {*threads} == {threading.get_ident()}
