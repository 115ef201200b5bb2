"""Requests in each second of the last minute, from a counter that only rises. Pure: the clock is an argument."""

from __future__ import annotations

from collections import deque

SECONDS = 60


class Activity:
    """Remembers the growth of a counter per second; `now` is any clock in seconds that never goes back."""

    def __init__(self) -> None:
        self._counts: deque[int] = deque([0] * SECONDS, maxlen=SECONDS)
        self._second: int | None = None
        self._total: int | None = None

    def add(self, now: float, total: int) -> bool:
        """Take the counter's value; return whether it has grown. A counter that fell belongs to a new node."""
        self._shift(now)
        before, self._total = self._total, total
        if before is None or total <= before:
            return False
        self._counts[-1] += total - before
        return True

    def forget(self) -> None:
        """Expect another node's counter."""
        self._total = None

    def counts(self, now: float) -> tuple[int, ...]:
        self._shift(now)
        return tuple(self._counts)

    def _shift(self, now: float) -> None:
        second = int(now)
        passed = 0 if self._second is None else second - self._second
        self._counts.extend([0] * min(max(passed, 0), SECONDS))
        self._second = second
