"""Numbers and times as people read them. Pure: the time is an argument."""

from __future__ import annotations

import time

UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")
DASH = "–"


def size(count: int) -> str:
    """Return a number of bytes in the unit that suits, as computers are sold: 16 GB are 16 × 2^30."""
    value, unit = float(count), 0
    while value >= 1000 and unit < len(UNITS) - 1:
        value /= 1024
        unit += 1
    return f"{value:.0f} {UNITS[unit]}" if unit == 0 or value >= 9.95 else f"{value:.1f} {UNITS[unit]}"


def number(count: int) -> str:
    return f"{count:,}"


def plural(count: int, one: str, many: str | None = None) -> str:
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def percent(fraction: float) -> str:
    return f"{max(0.0, min(1.0, fraction)) * 100:.0f} %"


def milliseconds(value: float | None) -> str:
    """Return a duration given in milliseconds; a dash when it is not known."""
    if value is None:
        return DASH
    if value >= 1000:
        return f"{value / 1000:.1f} s"
    return f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"


def rate(bytes_per_second: float | None) -> str:
    """Return how fast bytes go; a dash when it is not known."""
    return DASH if bytes_per_second is None else f"{size(int(bytes_per_second))}/s"


def working_time(seconds: float) -> str:
    """Return for how long something has worked: `40 s`, `12 min`, `3.4 h`, `1,240 h`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 100 else f"{hours:,.0f} h"


def energy(joules: float) -> str:
    """Return energy as people know it from their bills: `0 Wh`, `12 Wh`, `3.4 kWh`."""
    hours = joules / 3600
    if hours < 1000:
        return f"{hours:.1f} Wh" if 0 < hours < 10 else f"{hours:.0f} Wh"
    return f"{hours / 1000:.1f} kWh" if hours < 100_000 else f"{hours / 1000:,.0f} kWh"


def clock_time(when: float, now: float) -> str:
    """Return when something will be, both Unix seconds: `14:30`, with the day if that is not today."""
    then, today = time.localtime(when), time.localtime(now)
    text = time.strftime("%H:%M", then)
    return text if then[:3] == today[:3] else time.strftime("%A ", then) + text


def ago(when: float, now: float) -> str:
    """Return how long ago something was, both Unix seconds."""
    seconds = max(0.0, now - when)
    if when <= 0:
        return DASH
    if seconds < 5:
        return "now"
    if seconds < 90:
        return f"{seconds:.0f} s ago"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min ago"
    return f"{seconds / 3600:.0f} h ago" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} days ago"


def host_of(url: str) -> str:
    """Return the part of a URL that tells people where it leads."""
    return url.partition("://")[2].partition("/")[0] or url
