"""The hours of a week as a volunteer edits them: half hours painted, presets, and times written as text. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal

from node.rules.settings import EVENINGS_AND_NIGHTS, WHOLE_DAY, Day, Span, Week

DAY = 1440  # minutes
SLOT = 30  # minutes of one cell
SLOTS = DAY // SLOT
DAYS = 7
MOST_SPANS = 24  # of one day that a node takes

Cover = Literal["open", "closed", "partly"]
Preset = Literal["always", "evenings", "nights", "outside-office", "weekends", "never"]

NIGHTS: Day = ((0, 480), (1320, 1440))
OUTSIDE_OFFICE: Day = ((0, 540), (1020, 1440))
NEVER: Day = ()
PRESETS: Mapping[Preset, Week] = {
    "always": (WHOLE_DAY,) * 7,
    "evenings": (*(EVENINGS_AND_NIGHTS,) * 5, *(WHOLE_DAY,) * 2),
    "nights": (NIGHTS,) * 7,
    "outside-office": (*(OUTSIDE_OFFICE,) * 5, *(WHOLE_DAY,) * 2),
    "weekends": (*(NEVER,) * 5, *(WHOLE_DAY,) * 2),
    "never": (NEVER,) * 7,
}

# Dashes of any length, for some programs make long ones.
ONE = re.compile(r"^(\d{1,2})(?:[:.](\d{2}))?\s*[-\u2013\u2014]\s*(\d{1,2})(?:[:.](\d{2}))?$")


class HoursError(ValueError):
    """A text that are no hours of a day; `part` is what cannot be read."""

    def __init__(self, part: str) -> None:
        super().__init__(part)
        self.part = part


def merged(spans: Iterable[Span]) -> Day:
    """Return spans in order, with those that touch or overlap made one."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return tuple(found)


def painted(day: Day, start: int, end: int, *, works: bool) -> Day:
    """Return the day with these minutes open or closed, and all others as they were."""
    pieces = [piece for a, b in day for piece in ((a, min(b, start)), (max(a, end), b)) if piece[0] < piece[1]]
    return merged([*pieces, (start, end)] if works else pieces)


def painted_week(week: Week, days: range, slots: range, *, works: bool) -> Week:
    """Return the week with a rectangle of half hours open or closed."""
    start, end = slots.start * SLOT, slots.stop * SLOT
    changed = tuple(painted(day, start, end, works=works) if n in days else day for n, day in enumerate(week))
    return week_of(changed)


def copied(week: Week, source: int, targets: Iterable[int]) -> Week:
    """Return the week with one day's hours on others, too."""
    wanted = set(targets)
    return week_of(tuple(week[source] if n in wanted else day for n, day in enumerate(week)))


def week_of(days: tuple[Day, ...]) -> Week:
    """Return seven days as a week."""
    one, two, three, four, five, six, seven = days
    return one, two, three, four, five, six, seven


def cover(day: Day, slot: int) -> Cover:
    """Say whether a half hour is open: whole, not at all, or in part."""
    start, end = slot * SLOT, (slot + 1) * SLOT
    minutes = sum(max(0, min(b, end) - max(a, start)) for a, b in merged(day))
    return "open" if minutes == SLOT else "partly" if minutes else "closed"


def clock(minute: int) -> str:
    """Return a time of day; midnight at the end of a day is 24:00."""
    return f"{minute // 60}:{minute % 60:02}"


def hours_text(day: Day) -> str:
    """Return a day's hours as `parse_hours` takes them; nothing for none."""
    return ", ".join(f"{clock(start)}\u2013{clock(end)}" for start, end in merged(day))


def parse_hours(text: str) -> Day:
    """Return the hours that are written as in 0:00-8:00, 18-24; raise HoursError."""
    day = merged(_span(part.strip()) for part in re.split(r"[,;]", text) if part.strip())
    if len(day) > MOST_SPANS:
        raise HoursError(text.strip()[:40])
    return day


def _span(part: str) -> Span:
    match = ONE.fullmatch(part)
    if match is None:
        raise HoursError(part[:40])
    hour, minute, last_hour, last_minute = (int(one or 0) for one in match.groups())
    start, end = hour * 60 + minute, last_hour * 60 + last_minute
    if not (minute < 60 and last_minute < 60 and 0 <= start < end <= DAY):
        raise HoursError(part[:40])
    return start, end
