"""Counts what the router does, under the names of SPEC §6."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from node.state import RoutingStats
from node.wire.messages import Route

LATENCIES = 1000  # requests over which percentiles are taken


class Outcome(msgspec.Struct, frozen=True):
    """One finished request, for metrics. `worker` and `route` are None when none answered; 499: the client left."""

    service: str
    worker: str | None
    route: Route | None
    status: int
    seconds: float
    attempts: int


@dataclass(slots=True)
class RoutingCounters:
    """Counters since start; latencies are kept for the last requests only."""

    cache_hits: int = 0
    cache_misses: int = 0
    dht_lookups: int = 0
    failed_requests: int = 0
    retries: int = 0
    failovers: int = 0
    hedged: int = 0
    hedge_wins: int = 0
    ended: int = 0  # requests
    by_route: Counter[Route] = field(default_factory=Counter)
    latencies: deque[float] = field(default_factory=lambda: deque(maxlen=LATENCIES))  # seconds

    def finished(self, outcome: Outcome, failed: bool, failures: int = 0) -> None:
        """Count a request that has ended, after so many workers failed it.

        `failed` means that no worker's whole answer reached the client.
        """
        self.ended += 1
        self.latencies.append(outcome.seconds)
        if outcome.route is not None:
            self.by_route[outcome.route] += 1
        if failed:
            self.failed_requests += 1
        elif failures:
            self.failovers += 1

    def snapshot(self, cache_size: int) -> RoutingStats:
        looked, here = self.cache_hits + self.cache_misses, self.by_route["local"]
        return RoutingStats(
            local_requests=here,
            forwarded_requests=self.by_route.total() - here,
            cache_hits=self.cache_hits,
            cache_misses=self.cache_misses,
            dht_lookups=self.dht_lookups,
            failed_requests=self.failed_requests,
            cache_size=cache_size,
            cache_hit_rate=round(self.cache_hits / looked, 4) if looked else 0.0,
            retries=self.retries,
            failovers=self.failovers,
            hedged=self.hedged,
            hedge_wins=self.hedge_wins,
            requests_by_route=dict(self.by_route),
            latency_ms=percentiles([1000.0 * seconds for seconds in self.latencies]),
        )


def percentiles(values: Sequence[float]) -> dict[Literal["p50", "p95", "p99"], float]:
    """Return the nearest-rank percentiles of the values; an empty mapping for none."""
    ordered = sorted(values)
    if not ordered:
        return {}
    last = len(ordered) - 1
    return {
        "p50": round(ordered[round(0.50 * last)], 3),
        "p95": round(ordered[round(0.95 * last)], 3),
        "p99": round(ordered[round(0.99 * last)], 3),
    }
