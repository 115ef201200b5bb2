"""What the registry hears from the data plane: loads at once, and failures of workers, not of single addresses."""

from __future__ import annotations

from pathlib import Path

from coordinator_server.gateway.plane import Reporter, make_router
from coordinator_server.registry.membership import Member
from node.forwarding.interface import Target
from node.wire.messages import Capabilities, Endpoints
from tests.support.front import running_front

HERE, THERE = (Target("direct", f"http://{host}:8000") for host in ("127.0.0.1", "192.0.2.1"))


class Registry:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        self.loads: list[tuple[str, float]] = []

    def member(self, worker_id: str) -> Member | None:
        if worker_id == "gone":
            return None
        ends = Endpoints(port=8000, direct_hosts=("127.0.0.1", "192.0.2.1"))
        return Member(
            worker_id=worker_id,
            capabilities=Capabilities(),
            endpoints=ends,
            claimed=ends,
            registered_at=0,
            last_seen=0,
        )

    def report_failure(self, worker_id: str) -> None:
        self.failures.append(worker_id)

    def update_load(self, worker_id: str, load: float) -> None:
        self.loads.append((worker_id, load))


def reporting() -> tuple[Reporter, Registry]:
    registry = Registry()
    return Reporter(registry), registry


def test_a_load_is_passed_on() -> None:
    reporter, registry = reporting()
    reporter.answered("w1", 0.5)
    reporter.answered("w1", None)
    assert registry.loads == [("w1", 0.5)]
    assert registry.failures == []


def test_a_worker_has_failed_only_when_no_address_of_it_answers() -> None:
    reporter, registry = reporting()
    reporter.unreachable("w1", HERE)
    assert registry.failures == []
    reporter.unreachable("w1", THERE)
    assert registry.failures == ["w1"]


def test_one_address_that_answers_wipes_out_the_silence_of_the_others() -> None:
    reporter, registry = reporting()
    reporter.unreachable("w1", HERE)
    reporter.answered("w1", 0.1)
    reporter.unreachable("w1", THERE)
    assert registry.failures == []


def test_a_broken_answer_is_a_failure_of_the_worker_at_once() -> None:
    reporter, registry = reporting()
    reporter.failed("w1")
    assert registry.failures == ["w1"]


def test_a_worker_that_has_left_meanwhile_does_no_harm() -> None:
    reporter, registry = reporting()
    reporter.unreachable("gone", HERE)
    assert registry.failures == ["gone"]


async def test_the_operators_timings_reach_the_router(tmp_path: Path) -> None:
    async with running_front(tmp_path, hedge_after=0.25, retry_attempts=2) as front:
        router = make_router(front.coordinator, lambda _: None)
        settings = router._parts.settings
        assert (settings.hedge_after, settings.attempts) == (0.25, 2)
        assert (settings.cache_ttl, settings.stale_while_revalidate) == (1.0, 0.0), "the registry is at hand"
        await router.stop()
