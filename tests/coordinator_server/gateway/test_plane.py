"""What the registry hears from the data plane: loads at once, and failures of workers, not of single addresses."""

from __future__ import annotations

from pathlib import Path

import pytest

from coordinator_server.gateway.plane import ReportingForwarder, make_router
from coordinator_server.registry.membership import Member
from node.forwarding.interface import (
    Callee,
    ConnectFailed,
    Exchange,
    ForwardingError,
    Limits,
    Target,
    UpstreamReset,
)
from node.wire import headers
from node.wire.messages import Capabilities, Endpoints
from tests.support.front import running_front

LIMITS = Limits(1.0, 1.0, 1.0, 1.0)
EXCHANGE: Exchange = None  # type: ignore[assignment]  # no try of these gets as far as reading it


class Answer:
    """An answer that has begun."""

    status = 200
    broken = ""

    def __init__(self, load: str) -> None:
        self.headers = {headers.LOAD: load}


class Line:
    """A forwarder whose tries end as a test says."""

    def __init__(self) -> None:
        self.outcome: Answer | ForwardingError = Answer("0.5")
        self.stopped = False

    async def attempt(self, callee: Callee, exchange: Exchange, limits: Limits) -> Answer:
        if isinstance(self.outcome, ForwardingError):
            raise self.outcome
        return self.outcome

    async def stop(self) -> None:
        self.stopped = True


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


class Bench:
    """The forwarder under test between its two neighbours."""

    def __init__(self) -> None:
        self.line, self.registry = Line(), Registry()
        self.forwarder = ReportingForwarder(self.line, self.registry)  # type: ignore[arg-type]

    async def attempt(self, host: str, worker_id: str = "w1") -> None:
        callee = Callee(worker_id, Target("direct", f"http://{host}:8000"))
        await self.forwarder.attempt(callee, EXCHANGE, LIMITS)

    async def fail(self, error: ForwardingError, host: str, worker_id: str = "w1") -> None:
        self.line.outcome = error
        with pytest.raises(type(error)):
            await self.attempt(host, worker_id)


async def test_a_load_is_passed_on_and_nonsense_is_not() -> None:
    bench = Bench()
    await bench.attempt("127.0.0.1")
    bench.line.outcome = Answer("over 9000")
    await bench.attempt("127.0.0.1")
    assert bench.registry.loads == [("w1", 0.5)]
    assert bench.registry.failures == []


async def test_a_worker_has_failed_only_when_no_address_of_it_answers() -> None:
    bench = Bench()
    await bench.fail(ConnectFailed("refused"), "127.0.0.1")
    assert bench.registry.failures == []
    await bench.fail(ConnectFailed("refused"), "192.0.2.1")
    assert bench.registry.failures == ["w1"]


async def test_one_address_that_answers_wipes_out_the_silence_of_the_others() -> None:
    bench = Bench()
    await bench.fail(ConnectFailed("refused"), "127.0.0.1")
    bench.line.outcome = Answer("0.1")
    await bench.attempt("192.0.2.1")
    await bench.fail(ConnectFailed("refused"), "192.0.2.1")
    assert bench.registry.failures == []


async def test_a_broken_answer_is_a_failure_of_the_worker_at_once() -> None:
    bench = Bench()
    await bench.fail(UpstreamReset("cut"), "127.0.0.1")
    assert bench.registry.failures == ["w1"]


async def test_a_worker_that_has_left_meanwhile_does_no_harm() -> None:
    bench = Bench()
    await bench.fail(ConnectFailed("refused"), "127.0.0.1", "gone")
    assert bench.registry.failures == ["gone"]


async def test_stopping_closes_the_line() -> None:
    bench = Bench()
    await bench.forwarder.stop()
    assert bench.line.stopped


async def test_the_operators_timings_reach_the_router(tmp_path: Path) -> None:
    async with running_front(tmp_path, hedge_after=0.25, retry_attempts=2) as front:
        router = make_router(front.coordinator, lambda _: None)
        settings = router._parts.settings
        assert (settings.hedge_after, settings.attempts) == (0.25, 2)
        assert (settings.cache_ttl, settings.stale_while_revalidate) == (1.0, 0.0), "the registry is at hand"
        await router.stop()
