"""The figures of a run, and how they look."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec


class Lookup(msgspec.Struct, frozen=True):
    """What one lookup came to."""

    found: bool
    ms: float
    hops: int
    rpc: int
    bytes: int


class Result(msgspec.Struct, frozen=True):
    """A whole run; `success` is a share from 0 to 1, `killed` a number of nodes."""

    nodes: int
    killed: int
    lookups: int
    success: float
    p50_ms: float
    p99_ms: float
    hops_mean: float
    join_ms_mean: float
    rpc_per_lookup: float
    bytes_per_lookup: float


def summary(nodes: int, killed: int, joins_ms: Sequence[float], lookups: Sequence[Lookup]) -> Result:
    times = [lookup.ms for lookup in lookups]
    return Result(
        nodes=nodes,
        killed=killed,
        lookups=len(lookups),
        success=mean([lookup.found for lookup in lookups]),
        p50_ms=round(percentile(times, 50), 2),
        p99_ms=round(percentile(times, 99), 2),
        hops_mean=round(mean([lookup.hops for lookup in lookups]), 2),
        join_ms_mean=round(mean(joins_ms), 2),
        rpc_per_lookup=round(mean([lookup.rpc for lookup in lookups]), 1),
        bytes_per_lookup=round(mean([lookup.bytes for lookup in lookups])),
    )


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the nearest-rank percentile: a value that was measured, none in between."""
    if not values:
        return 0.0
    return sorted(values)[max(0, math.ceil(percent / 100 * len(values)) - 1)]


def table(columns: dict[str, Result]) -> str:
    """Return the results side by side."""
    lines = [f"{'':<18}" + "".join(f"{name:>14}" for name in columns)]
    for field in Result.__struct_fields__:
        values = (getattr(result, field) for result in columns.values())
        lines.append(f"{field:<18}" + "".join(f"{_text(field, value):>14}" for value in values))
    return "\n".join(lines)


def _text(field: str, value: float) -> str:
    return f"{value:.1%}" if field == "success" else f"{value:,.10g}"
