"""Requests in one second or minute, as they travel to whoever draws them. Values only."""

from __future__ import annotations

import msgspec


class Sample(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What was counted in one step of time; percentiles are ms, 0.0 where no request ended."""

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
    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0


IDLE = Sample()


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """Samples of `step` seconds each, the oldest first; the last one ends at `ends_at` (Unix s)."""

    step: float = 1.0
    ends_at: float = 0.0
    samples: tuple[Sample, ...] = ()
