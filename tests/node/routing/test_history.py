"""What a router did over time: seconds and minutes out of its counters, also over gaps and another router."""

from __future__ import annotations

import random
import sys

import msgspec
import pytest

from node.routing.history import MINUTES, SECONDS, RoutingHistory
from node.routing.samples import IDLE, Sample, Series
from node.routing.stats import Outcome, RoutingCounters

START = 60_000.0  # at the beginning of a minute
WALL = 1_780_000_000.0


def ended(counters: RoutingCounters, seconds: float, *, failed: bool = False) -> None:
    counters.finished(Outcome("ocr", "w1", "direct", 502 if failed else 200, seconds, 1), failed)


def begun(now: float = START) -> tuple[RoutingHistory, RoutingCounters]:
    history, counters = RoutingHistory(), RoutingCounters()
    history.take(counters, now)
    return history, counters


def test_what_is_counted_within_a_second_is_in_its_sample() -> None:
    history, counters = begun()
    counters.cache_hits += 2
    counters.cache_misses += 1
    counters.dht_lookups += 1
    for seconds in (0.010, 0.020, 0.030):
        ended(counters, seconds)
    ended(counters, 1.0, failed=True)
    history.take(counters, START + 1.02)
    (sample,) = history.recent(START + 1.02, WALL).samples
    assert (sample.requests, sample.hits, sample.misses, sample.lookups, sample.failed) == (4, 2, 1, 1, 1)
    assert (sample.direct, sample.local) == (4, 0)
    assert (sample.p50, sample.p99) == (30.0, 1000.0)
    assert history.recent(START + 1.02, WALL).ends_at == pytest.approx(WALL - 0.02)


def test_quiet_seconds_share_one_value() -> None:
    history, counters = begun()
    for second in range(1, 11):
        history.take(counters, START + second)
    samples = history.recent(START + 10, WALL).samples
    assert len(samples) == 10
    assert all(sample is IDLE for sample in samples)


def test_a_gap_is_filled_and_an_early_call_changes_nothing() -> None:
    history, counters = begun()
    ended(counters, 0.01)
    history.take(counters, START + 0.4)
    assert history.recent(START + 0.4, WALL).samples == ()
    history.take(counters, START + 5)
    assert [sample.requests for sample in history.recent(START + 5, WALL).samples] == [0, 0, 0, 0, 1]
    history.take(counters, START + 3 * 86400)
    assert len(history.recent(START + 3 * 86400, WALL).samples) == SECONDS
    assert len(history.day(START + 3 * 86400, WALL).samples) == MINUTES


def test_minutes_gather_seconds_and_the_one_that_runs_is_told_too() -> None:
    history, counters = begun()
    for second in range(1, 91):
        ended(counters, 0.1)
        history.take(counters, START + second)
    day = history.day(START + 90, WALL)
    assert [sample.requests for sample in day.samples] == [60, 30] or [s.requests for s in day.samples] == [59, 31]
    assert day.step == 60.0
    assert day.ends_at == pytest.approx(WALL + 30.0)


def test_percentiles_of_a_minute_are_near_the_true_ones() -> None:
    history, counters = begun()
    rng, true = random.Random(3), []
    for second in range(1, 60):
        for _ in range(20):
            seconds = rng.lognormvariate(-3.0, 1.0)
            true.append(seconds * 1000.0)
            ended(counters, seconds)
        history.take(counters, START + second)
    (minute,) = history.day(START + 59, WALL).samples
    true.sort()
    for told, share in ((minute.p50, 0.50), (minute.p95, 0.95), (minute.p99, 0.99)):
        assert told == pytest.approx(true[round(share * (len(true) - 1))], rel=0.12)


def test_another_router_begins_at_nothing() -> None:
    history, counters = begun()
    for _ in range(100):
        ended(counters, 0.01)
    history.take(counters, START + 1)
    fresh = RoutingCounters()
    ended(fresh, 0.01)
    history.take(fresh, START + 2)
    history.take(None, START + 3)
    assert [sample.requests for sample in history.recent(START + 3, WALL).samples] == [100, 1, 0]


def test_a_busy_day_stays_small() -> None:
    history, counters = begun()
    for second in range(1, SECONDS + 1):
        for number in range(7):
            ended(counters, 0.001 * number + 0.0001 * second)
        history.take(counters, START + second)
    rings = [*history._seconds, *history._minutes]
    largest = max(sum(sys.getsizeof(value) for value in msgspec.structs.astuple(one)) for one in rings)
    assert (largest + sys.getsizeof(Sample())) * (SECONDS + MINUTES) < 1.2e6
    assert (history._seconds.maxlen, history._minutes.maxlen) == (SECONDS, MINUTES)


def test_series_travel_as_they_are() -> None:
    series = Series(step=1.0, ends_at=WALL, samples=(IDLE, Sample(requests=3, p50=1.5)))
    assert msgspec.json.decode(msgspec.json.encode(series), type=Series) == series
