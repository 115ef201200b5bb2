"""What a router has done over time: a few minutes by the second, a day by the minute, small in memory. Pure.

It reads the counters that the router has anyway, once a second; requests do not notice. Seconds in which nothing
happened share one value.
"""

from __future__ import annotations

import bisect
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice

import msgspec

from node.routing.samples import IDLE, Sample, Series
from node.routing.stats import RoutingCounters, percentiles
from node.wire.messages import Route

SECONDS = 300
MINUTES = 1440
ROUTES: tuple[Route, ...] = ("local", "vpn", "direct", "relay", "tunnel")
FIRST, FACTOR, BUCKETS = 1e-4, 1.2, 80  # a histogram from 0.1 ms to some minutes, each bucket a fifth wider
BOUNDS = tuple(FIRST * FACTOR**number for number in range(BUCKETS))


class RoutingHistory:
    """`take` is called about once a second; `now` is seconds of a clock that never goes back."""

    def __init__(self) -> None:
        self._seconds: deque[Sample] = deque(maxlen=SECONDS)
        self._minutes: deque[Sample] = deque(maxlen=MINUTES)
        self._counters: RoutingCounters | None = None
        self._before = Totals()
        self._second: int | None = None
        self._minute = Gathered()

    def take(self, counters: RoutingCounters | None, now: float) -> None:
        """Note what was counted since the last time; other counters than before begin at nothing."""
        second = int(now)
        if self._second is None:
            self._second = second
            self._restart(counters)
            return
        if second <= self._second:
            return
        if counters is not self._counters:
            self._restart(counters)
        self._skip(second - 1)
        sample, latencies = self._growth()
        self._add(sample, latencies)
        self._turn(second)

    def recent(self, now: float, wall: float) -> Series:
        """Return the last minutes by the second; `wall` is the Unix time at `now`."""
        ends = wall - (now - (self._second if self._second is not None else now))
        return Series(step=1.0, ends_at=ends, samples=tuple(self._seconds))

    def day(self, now: float, wall: float) -> Series:
        """Return the last day by the minute, with the minute that is not over yet."""
        begun = now - (self._second // 60 * 60 if self._second is not None else now)
        samples = (*self._minutes, self._minute.sample())
        return Series(step=60.0, ends_at=wall - begun + 60.0, samples=samples[-MINUTES:])

    # --- inside ---------------------------------------------------------------------------------------------------

    def _restart(self, counters: RoutingCounters | None) -> None:
        self._counters = counters
        self._before = Totals()

    def _growth(self) -> tuple[Sample, Sequence[float]]:
        counters = self._counters
        if counters is None:
            return IDLE, ()
        before, after = self._before, totals_of(counters)
        if after == before:
            return IDLE, ()
        self._before = after
        fresh = min(after.requests - before.requests, len(counters.latencies))
        latencies = list(islice(reversed(counters.latencies), fresh))
        return _sample([b - a for a, b in zip(before.all, after.all, strict=True)], latencies), latencies

    def _skip(self, second: int) -> None:
        """Take note of seconds in which nobody asked us, as while the computer slept."""
        assert self._second is not None
        missing = second - self._second
        self._seconds.extend([IDLE] * min(missing, SECONDS))
        if missing > 0:
            self._turn(second)

    def _add(self, sample: Sample, latencies: Iterable[float]) -> None:
        self._seconds.append(sample)
        if sample is not IDLE:
            self._minute.add(sample, latencies)

    def _turn(self, second: int) -> None:
        """Go on to another second, and to another minute if it is in one."""
        assert self._second is not None
        minutes = second // 60 - self._second // 60
        self._second = second
        if minutes > 0:
            self._minutes.append(self._minute.sample())
            self._minutes.extend([IDLE] * min(minutes - 1, MINUTES))
            self._minute = Gathered()


class Totals(msgspec.Struct, frozen=True, gc=False):
    """All counters at one moment, in the order of a Sample's fields."""

    requests: int = 0
    hits: int = 0
    misses: int = 0
    lookups: int = 0
    retries: int = 0
    failovers: int = 0
    failed: int = 0
    local: int = 0
    vpn: int = 0
    direct: int = 0
    relay: int = 0
    tunnel: int = 0

    @property
    def all(self) -> tuple[int, ...]:
        found: tuple[int, ...] = msgspec.structs.astuple(self)
        return found


def totals_of(counters: RoutingCounters) -> Totals:
    return Totals(
        counters.ended,
        counters.cache_hits,
        counters.cache_misses,
        counters.dht_lookups,
        counters.retries,
        counters.failovers,
        counters.failed_requests,
        *(counters.by_route[route] for route in ROUTES),
    )


def _sample(counts: Sequence[int], latencies: Sequence[float]) -> Sample:
    told = percentiles([1000.0 * seconds for seconds in latencies])
    return Sample(*counts, *(told.get(name, 0.0) for name in ("p50", "p95", "p99")))


class Gathered:
    """A minute as it goes: sums, and a histogram for its percentiles, right to a tenth or so."""

    def __init__(self) -> None:
        self._counts: list[int] = []
        self._histogram: dict[int, int] = {}

    def add(self, sample: Sample, latencies: Iterable[float]) -> None:
        counts = msgspec.structs.astuple(sample)[: len(Totals.__struct_fields__)]
        before = self._counts or [0] * len(counts)
        self._counts = [a + b for a, b in zip(before, counts, strict=True)]
        for seconds in latencies:
            bucket = bisect.bisect_left(BOUNDS, seconds)
            self._histogram[bucket] = self._histogram.get(bucket, 0) + 1

    def sample(self) -> Sample:
        if not self._counts:
            return IDLE
        return Sample(*self._counts, *(self._percentile(share) for share in (0.50, 0.95, 0.99)))

    def _percentile(self, share: float) -> float:
        """Return a nearest-rank percentile in ms: the middle of the bucket that it is in."""
        wanted, seen = round(share * (sum(self._histogram.values()) - 1)), -1
        for bucket in sorted(self._histogram):
            seen += self._histogram[bucket]
            if seen >= wanted:
                return round(1000.0 * FIRST * float(FACTOR ** (bucket - 0.5)), 3)
        return 0.0
