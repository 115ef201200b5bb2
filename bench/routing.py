"""How long it takes to decide who gets a request, whether the shares are right, and whether lookups are shared.

A decision is what a request goes through on a warm cache: the look into the cache, the breakers, our own requests
in flight, and the pick. Beside it, over the same candidates, stand two known ways to choose: weights over the three
least loaded found by sorting (this rule, without all that a router knows besides), and power of two choices.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from node.forwarding.forwarder import Forwarder
from node.forwarding.headers import Answers
from node.routing.admission import Gates
from node.routing.breaker import Breakers
from node.routing.cache import FingerCache
from node.routing.candidates import Candidate
from node.routing.choice import Choice
from node.routing.parts import Parts
from node.routing.ranking import Ranking, Wanted
from node.routing.retry import RetryBudget
from node.routing.selection import WEIGHTS, Selector
from node.routing.settings import RoutingSettings
from node.routing.sources import Finder, Finding
from node.routing.stats import RoutingCounters
from node.routing.targets import AddressBook
from node.wire.manifests import Manifest

SIZES = (3, 6, 20, 100)
LOADS = (0.2, 0.5, 0.8)
SHARES = (0.5, 0.3, 0.2)
MISSES = 1000
TARGET_US, TARGET_SHARE = 20.0, 0.02
SERVICE = Manifest(name="vision-ocr", title="OCR", default_path="/ocr", concurrency=4)


@dataclass(frozen=True)
class Decisions:
    """Median times in microseconds for one number of candidates; `busy`: each has a request of ours in flight."""

    candidates: int
    ours: float
    busy: float
    by_sorting: float
    two_choices: float


def candidates_of(count: int, rng: random.Random) -> list[Candidate]:
    return [Candidate(f"worker-{number}", (), rng.random(), vetted=True) for number in range(count)]


def parts_of(candidates: Sequence[Candidate], rng: random.Random) -> Parts:
    """Return what the requests of a router share, with a source that knows these candidates."""
    settings, counters = RoutingSettings(), RoutingCounters()

    class Known(Finder):
        async def first(self, service: str, *, vetted: bool = False) -> Finding:  # noqa: ARG002
            return Finding(candidates)

    return Parts(
        worker_id="gateway",
        settings=settings,
        forwarder=Forwarder(lambda _: ""),
        answers=Answers(),
        finder=Known(
            (), own_id="", timeout=1.0, vpn_up=bool, counters=counters, clock=time.monotonic, wall=time.time
        ),
        cache=FingerCache(clock=time.monotonic),
        breakers=Breakers(),
        selector=Selector("weighted", rng),
        budget=RetryBudget(),
        counters=counters,
        addresses=AddressBook(),
        local_gates=Gates(settings),
        remote_gates=Gates(settings),
        clock=time.monotonic,
        rng=rng,
        own_load=float,
        over=lambda _dispatch: None,
    )


async def decision_times(candidates: Sequence[Candidate], count: int, *, busy: bool) -> float:
    """Return the median time in microseconds of a request's decision on a warm cache."""
    parts = parts_of(candidates, random.Random(1))
    for candidate in candidates if busy else ():
        parts.outstanding.begin(SERVICE.name, candidate.worker_id)
    await Choice(parts, SERVICE, True).look_up()
    times = []
    for _ in range(count):
        choice = Choice(parts, SERVICE, True)
        began = time.perf_counter_ns()
        choice.ready(parts.clock())
        times.append(time.perf_counter_ns() - began)
    await parts.cache.stop()
    return statistics.median(times) / 1000


def other_times(choose: Callable[[], object], count: int) -> float:
    times = []
    for _ in range(count):
        began = time.perf_counter_ns()
        choose()
        times.append(time.perf_counter_ns() - began)
    return statistics.median(times) / 1000


async def measure_decisions(size: int, count: int) -> Decisions:
    rng = random.Random(size)
    candidates = candidates_of(size, rng)

    def by_sorting() -> Candidate:
        return rng.choices(sorted(candidates, key=lambda item: item.load)[:3], WEIGHTS)[0]

    def two_choices() -> Candidate:
        return min(rng.sample(candidates, 2), key=lambda item: item.load)

    return Decisions(
        size,
        await decision_times(candidates, count, busy=False),
        await decision_times(candidates, count, busy=True),
        other_times(by_sorting, count),
        other_times(two_choices, count),
    )


def shares_of(picks: int) -> Mapping[float, float]:
    """Return which share of so many picks workers of each load get."""
    ranking = Ranking(Candidate(f"worker-{load}", (), load) for load in LOADS)
    selector, wanted = Selector("weighted", random.Random(1)), Wanted(frozenset(), {}, 4)
    picked = Counter(item.load for _ in range(picks) if (item := selector.pick("ocr", ranking, wanted)))
    return {load: picked[load] / picks for load in LOADS}


async def lookups_of(misses: int) -> int:
    """Return how many lookups so many requests at once make for a service that the cache does not know."""
    cache, lookups = FingerCache(clock=time.monotonic), 0

    async def look_up() -> Finding:
        nonlocal lookups
        lookups += 1
        await asyncio.sleep(0.01)
        return Finding(candidates_of(3, random.Random(1)))

    await asyncio.gather(*(cache.get("ocr", look_up) for _ in range(misses)))
    await cache.stop()
    return lookups


async def measure(decisions: int, picks: int) -> dict[str, object]:
    timed = [await measure_decisions(size, decisions) for size in SIZES]
    shares = shares_of(picks)
    lookups = await lookups_of(MISSES)
    return {
        "decision_us_median": {str(item.candidates): round(item.ours, 2) for item in timed},
        "decision_busy_us_median": {str(item.candidates): round(item.busy, 2) for item in timed},
        "sorting_us_median": {str(item.candidates): round(item.by_sorting, 2) for item in timed},
        "two_choices_us_median": {str(item.candidates): round(item.two_choices, 2) for item in timed},
        "times_sorting": {str(item.candidates): round(item.ours / item.by_sorting, 2) for item in timed},
        "times_two_choices": {str(item.candidates): round(item.ours / item.two_choices, 2) for item in timed},
        "picks": picks,
        "distribution": {str(load): round(share, 4) for load, share in shares.items()},
        "single_flight": {"misses": MISSES, "lookups": lookups},
        "met": {
            "decision_us_median": max(item.ours for item in timed) < TARGET_US,
            "distribution": all(
                abs(shares[load] - wanted) <= TARGET_SHARE for load, wanted in zip(LOADS, SHARES, strict=True)
            ),
            "single_flight": lookups == 1,
        },
        "python": platform.python_version(),
    }


def table(result: dict[str, object]) -> list[str]:
    """Return the lines that people read."""
    columns = {
        "decision": "decision_us_median",
        "all busy": "decision_busy_us_median",
        "sorting": "sorting_us_median",
        "two choices": "two_choices_us_median",
        "x sorting": "times_sorting",
        "x two choices": "times_two_choices",
    }
    lines = ["candidates" + "".join(f"{name:>15}" for name in columns) + "     (median microseconds)"]
    for size in SIZES:
        cells = [result[key] for key in columns.values()]
        lines.append(
            f"{size:>10}" + "".join(f"{cell[str(size)]:>15.2f}" for cell in cells if isinstance(cell, dict))
        )
    shares, flight, met = result["distribution"], result["single_flight"], result["met"]
    assert isinstance(shares, dict) and isinstance(flight, dict) and isinstance(met, dict)
    told = ", ".join(f"load {load}: {share:.1%}" for load, share in shares.items())
    lines.append(f"shares of {result['picks']:,} picks: {told}")
    lines.append(f"lookups for {flight['misses']:,} concurrent misses: {flight['lookups']}")
    lines += [f"target {name}: {'met' if fine else 'MISSED'}" for name, fine in met.items()]
    return lines


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--decisions", type=int, default=20_000, help="decisions that are timed per number (20000)")
    parser.add_argument("--picks", type=int, default=100_000, help="picks whose shares are counted (100000)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    arguments = parser.parse_args(argv)
    result = asyncio.run(measure(arguments.decisions, arguments.picks))
    print(json.dumps(result) if arguments.json else "\n".join(table(result)))


if __name__ == "__main__":
    main()
