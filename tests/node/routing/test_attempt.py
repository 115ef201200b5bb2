from __future__ import annotations

import asyncio

import pytest
from aiohttp.test_utils import make_mocked_request

from node.forwarding.exchange import make_exchange
from node.forwarding.interface import Exchange, Limits, Target
from node.routing.attempt import Attempt, Parts
from node.routing.candidates import Candidate
from tests.support.routing import OCR, Front, Handler, fine, front, killed, serving, silent

GONE = Target("vpn", "http://127.0.0.1:1")


def exchange() -> Exchange:
    request = make_mocked_request("GET", "/service/ocr")
    return make_exchange(request, OCR.name, "/ocr", trusted=False, max_body_bytes=1)


def limits(first_byte: float = 60.0) -> Limits:
    return Limits(connect=60.0, first_byte=first_byte, idle=60.0, deadline=asyncio.get_running_loop().time() + 60.0)


def parts_of(gateway: Front) -> Parts:
    return gateway.router._parts


async def test_it_counts_as_in_flight_until_it_ends_and_may_end_twice() -> None:
    async with front() as gateway:
        parts = parts_of(gateway)
        attempt = Attempt(parts, OCR.name, Candidate("w1", (GONE,)))
        attempt.end()
        attempt.begin()
        assert parts.outstanding.of(OCR.name) == {"w1": 1}
        attempt.end()
        attempt.end()
        assert parts.outstanding.of(OCR.name) == {}


async def test_the_addresses_are_tried_in_turn_and_the_dead_one_is_avoided() -> None:
    async with serving(fine) as worker, front() as gateway:
        alive = Target("direct", worker.url)
        candidate = Candidate("w1", (GONE, alive))
        attempt = Attempt(parts_of(gateway), OCR.name, candidate)
        attempt.begin()
        assert await attempt.reach(exchange(), limits()) is None
        assert attempt.upstream is not None
        assert (attempt.upstream.status, attempt.route, attempt.is_local) == (200, "direct", False)
        assert parts_of(gateway).addresses.way(candidate, gateway.router._clock()).target == alive
        attempt.end()


@pytest.mark.parametrize(("behave", "kind"), [(killed, "reset"), (silent, "timeout")])
async def test_a_broken_connection_and_a_time_limit_are_told_apart_and_end_it(behave: Handler, kind: str) -> None:
    async with serving(behave) as worker, serving(fine) as other, front() as gateway:
        targets = (Target("direct", worker.url), Target("tunnel", other.url))
        attempt = Attempt(parts_of(gateway), OCR.name, Candidate("w1", targets))
        failure = await attempt.reach(exchange(), limits(first_byte=0.3))
        assert failure is not None
        assert (failure.worker_id, failure.kind, failure.executed) == ("w1", kind, True)
        assert attempt.upstream is None, "the other address is the same worker, which may have executed it"


@pytest.mark.parametrize("targets", [(), (GONE,)])
async def test_a_worker_without_an_address_that_answers_cannot_have_executed_it(
    targets: tuple[Target, ...],
) -> None:
    async with front() as gateway:
        attempt = Attempt(parts_of(gateway), OCR.name, Candidate("w1", targets))
        failure = await attempt.reach(exchange(), limits())
        assert failure is not None
        assert (failure.kind, failure.executed) == ("connect", False)
        assert "127.0.0.1" not in failure.reason, "clients read it, and no worker's address is their business"


async def test_a_probe_that_ends_without_an_answer_lets_another_one_probe() -> None:
    async with front() as gateway:
        parts = parts_of(gateway)
        for _ in range(5):
            parts.breakers.failed(OCR.name, "w1", parts.clock() - 3600.0)
        probe, other = (Attempt(parts, OCR.name, Candidate("w1", (GONE,))) for _ in range(2))
        probe.begin()
        assert parts.breakers.blocked(OCR.name, parts.clock()) == {"w1"}
        probe.end()
        assert parts.breakers.blocked(OCR.name, parts.clock()) == set()
        other.end()
