"""How many of our own requests go to each worker, as a rate that fades when they stop. Time is an argument."""

from __future__ import annotations

import math

FADE = 10.0  # seconds in which a rate falls to a third when nothing more is sent
LEAST = 0.01  # requests per second; below it counts as nothing
MOST_WORKERS = 2000


class Traffic:
    """Remembers, for each of the workers that were asked last, a count that fades."""

    def __init__(self) -> None:
        self._counts: dict[str, tuple[float, float]] = {}  # worker -> (faded count, when)

    def __len__(self) -> int:
        return len(self._counts)

    def sent(self, worker_id: str, now: float) -> None:
        """Count one request; of too many workers the one that was not asked for longest is forgotten."""
        count, then = self._counts.pop(worker_id, (0.0, now))
        self._counts[worker_id] = (count * math.exp((then - now) / FADE) + 1.0, now)
        if len(self._counts) > MOST_WORKERS:
            del self._counts[next(iter(self._counts))]

    def rates(self, now: float) -> dict[str, float]:
        """Return the requests per second to each worker, to two figures, without those that are near nothing."""
        rates = {
            worker_id: count * math.exp((then - now) / FADE) / FADE
            for worker_id, (count, then) in self._counts.items()
        }
        return {worker_id: float(f"{rate:.2g}") for worker_id, rate in rates.items() if rate >= LEAST}
