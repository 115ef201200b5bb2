"""How often Cloudflare KV may be written to: so often a day, which begins at 00:00 UTC. Pure.

Half of a day's writes may follow one another closely. What is left then is spread over the rest of the day: a
worker that comes and goes all the time must not use up what others need in the evening.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

DAY = 86400.0
APART = 30.0  # seconds between two writes
FIRST_PAUSE = 30.0  # seconds after a failure; doubles
LONGEST_PAUSE = 1800.0


@dataclass(frozen=True, slots=True)
class Budget:
    """What was written; times are Unix seconds. `digest` is of the list that Cloudflare has."""

    day: int = 0
    used: int = 0
    last: float = 0.0
    digest: str = ""

    def used_on(self, now: float) -> int:
        return self.used if self.day == day_of(now) else 0

    def next_write(self, now: float, per_day: int) -> float:
        """Return when the next write is allowed: now or later."""
        if self.used_on(now) >= per_day:
            return next_day(now)
        if now < self.last:  # the clock was set back
            return now
        return max(now, self.last + self._apart(per_day))

    def _apart(self, per_day: int) -> float:
        """Return the seconds from the last write to the next one."""
        used = self.used_on(self.last)
        if used * 2 < per_day:
            return APART
        left = next_day(self.last) - self.last
        return max(APART, left / (per_day - used + 1))  # so that one is left at the end

    def writing(self, now: float) -> Budget:
        """Return the budget with a write more, which counts whatever comes of it."""
        return replace(self, day=day_of(now), used=self.used_on(now) + 1, last=now)

    def wrote(self, digest: str) -> Budget:
        return replace(self, digest=digest)


def pause_after(failures: int, asked: float = 0.0) -> float:
    """Return the seconds until another try after failures in a row; `asked` is what Cloudflare asked for."""
    doubled = FIRST_PAUSE * float(1 << min(max(0, failures - 1), 16))
    return max(asked, min(LONGEST_PAUSE, doubled))


def day_of(now: float) -> int:
    return int(now // DAY)


def next_day(now: float) -> float:
    return (day_of(now) + 1) * DAY
