"""A token bucket that may go into debt: what has come is paid for afterwards. Pure: time is an argument."""

from __future__ import annotations

BURST = 0.25  # seconds' worth that may go at once after a silence


class Bucket:
    """Fills by `rate` bytes each second; a rate of None is without a limit."""

    __slots__ = ("_level", "_then", "rate")

    def __init__(self) -> None:
        self.rate: int | None = None
        self._level = 0.0
        self._then = 0.0

    def change(self, rate: int | None, now: float) -> None:
        """Go by another rate from now on; a debt remains what it is in bytes."""
        self._level = min(self.level(now), 0.0)
        self._then = now
        self.rate = rate

    def level(self, now: float) -> float:
        """Return how many bytes may go now; below zero is what must be waited for."""
        if self.rate is None:
            return 0.0
        return min(self.rate * BURST, self._level + max(0.0, now - self._then) * self.rate)

    def spend(self, size: int, now: float) -> None:
        """Count what has gone."""
        if self.rate is not None:
            self._level = self.level(now) - size
            self._then = now

    def open(self, now: float) -> bool:
        """Say whether anything may go now."""
        return self.rate is None or self.level(now) >= 0

    def wait(self, now: float) -> float:
        """Return the seconds until something may go."""
        return 0.0 if self.rate is None else max(0.0, -self.level(now)) / self.rate
