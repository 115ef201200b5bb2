"""Durations as people write them on a command line: 90s, 30m, 24h, 7d, 1h30m."""

from __future__ import annotations

import re

SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
WHOLE = re.compile(r"^(?:\d{1,9}(?:min|[smhdw]))+$")
PART = re.compile(r"(\d{1,9})(min|[smhdw])")
LONGEST = 10 * 366 * 86400  # ten years of seconds


class DurationError(ValueError):
    """A duration that cannot be read; the text says what is allowed."""


def parse_duration(text: str) -> int:
    """Return the seconds of `24h` or `1h30m`, at least one and at most ten years; raise DurationError."""
    wanted = text.strip().lower().replace(" ", "")
    if not WHOLE.match(wanted):
        raise DurationError(f"{text[:40]!r} is not a duration; a duration reads like 90s, 30m, 24h or 7d.")
    seconds = sum(int(number) * SECONDS[unit] for number, unit in PART.findall(wanted))
    if not 1 <= seconds <= LONGEST:
        raise DurationError(f"{text[:40]!r} is too short or too long; allowed is one second to ten years.")
    return seconds


def say_duration(seconds: float) -> str:
    """Return a duration short and rounded, such as `45 s`, `12 min`, `5 h` or `7 d`."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    if seconds < 2 * 86400:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86400:.0f} d"
