"""Which coordinator is chosen, by nodes and by edge routers: the formula, and a draw by its weights. Pure."""

from __future__ import annotations

from collections.abc import Sequence


def weight(latency_ms: float, queue: float, *, healthy: bool = True) -> float:
    """Return how much speaks for a coordinator: 1/(latency+1) x 1/(queue+1) x healthy.

    Latency is a round trip in milliseconds: in seconds, 5 ms and 200 ms would weigh the same. The queue is how many
    requests wait there for a worker.
    """
    return 1 / (max(0.0, latency_ms) + 1) / (max(0.0, queue) + 1) if healthy else 0.0


def drawn(weights: Sequence[float], draw: float) -> int:
    """Return the place that a draw in [0, 1) falls on, each with a chance like its weight; 0 where all are 0."""
    total = sum(weights)
    left, last = draw * total, 0
    for place, one in enumerate(weights):
        if one <= 0:
            continue
        last = place
        if left < one:
            return place
        left -= one
    return last
