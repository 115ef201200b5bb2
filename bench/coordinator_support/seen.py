"""What the crowd saw of its coordinator in a while, as figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


def percentile(values: Sequence[float], share: float) -> float:
    """Return a value that was measured, below which this share of all are; 0 where there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share / 100))] if ordered else 0.0


def spread(seconds: Sequence[float]) -> dict[str, float]:
    """Return how long things took, in ms."""
    return {
        "count": len(seconds),
        "p50_ms": percentile(seconds, 50) * 1000,
        "p99_ms": percentile(seconds, 99) * 1000,
        "max_ms": max(seconds, default=0.0) * 1000,
    }


@dataclass(slots=True)
class Seen:
    """Heartbeats since this was made; `late` is by how much a beat went out later than it should have."""

    beats: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    sent: int = 0
    got: int = 0
    wrong: Counter[str] = field(default_factory=Counter)  # heartbeats without a good answer, by what was wrong
    pushes: int = 0

    @property
    def errors(self) -> int:
        return self.wrong.total()

    def told(self) -> dict[str, Any]:
        count = max(1, len(self.beats))
        return {
            **spread(self.beats),
            "late_p99_ms": percentile(self.late, 99) * 1000,
            "bytes_up": self.sent / count,
            "bytes_down": self.got / count,
            "errors": self.errors,
            "wrong": dict(self.wrong),
            "pushes": self.pushes,
        }
