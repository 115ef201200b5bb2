"""What the registry hears from the data plane: loads at once, and failures of workers, not of single addresses."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from msgspec.structs import replace

from coordinator_server.gateway.plane import Reporter, router_over
from coordinator_server.registry.membership import Member
from node.forwarding.interface import Target
from node.routing.router import Router
from node.wire.messages import Capabilities, Endpoints
from tests.support.front import Front, running_front

HERE, THERE = (Target("direct", f"http://{host}:8000") for host in ("127.0.0.1", "192.0.2.1"))


class Registry:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.vpn_up = False
        self.failures: list[str] = []
        self.loads: list[tuple[str, float]] = []

    def member(self, worker_id: str) -> Member | None:
        if worker_id == "gone":
            return None
        ends = Endpoints(port=8000, direct_hosts=("127.0.0.1", "192.0.2.1"), vpn_ip="10.42.0.16")
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


def test_the_address_in_the_overlay_counts_while_that_is_up() -> None:
    reporter, registry = reporting()
    registry.vpn_up = True
    for target in (HERE, THERE):
        reporter.unreachable("w1", target)
    assert registry.failures == []
    reporter.unreachable("w1", Target("vpn", "http://10.42.0.16:8000"))
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


def router_of(front: Front) -> Router:
    one = front.coordinator
    return router_over(one.config, one.catalogue, one.registry, one.token_issuer.issue, lambda _: None)


async def test_the_operators_timings_reach_the_router(tmp_path: Path) -> None:
    async with running_front(tmp_path, hedge_after=0.25, retry_attempts=2) as front:
        router = router_of(front)
        settings = router._parts.settings
        assert (settings.hedge_after, settings.attempts) == (0.25, 2)
        assert (settings.cache_ttl, settings.stale_while_revalidate) == (1.0, 0.0), "the registry is at hand"
        await router.stop()


async def test_workers_are_reached_through_the_overlay_first_while_that_is_up(tmp_path: Path) -> None:
    async with running_front(tmp_path) as front:
        worker = await front.join("alpha")
        registry = front.coordinator.registry
        member = registry.member(worker.worker_id)
        assert member is not None
        ends = replace(member.endpoints, vpn_ip="10.42.0.16")
        registry._members[worker.worker_id] = dataclasses.replace(member, endpoints=ends)
        for up, route in ((False, "direct"), (True, "vpn")):
            registry.overlay_changed(up)
            router = router_of(front)
            (found,) = (await router.explain("echo")).candidates
            assert found.route == route
            await router.stop()
