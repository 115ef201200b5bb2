"""Reads the hours in which a machine may work. Pure: what the clock on the wall shows is an argument."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from node.rules.settings import Schedule

DAY = 1440  # minutes
WEEK = 7 * DAY
MORNING = 7 * 60  # minutes after midnight at which a new day begins for a volunteer
NIGHT_ENDS = 4 * 60  # before that, "tomorrow morning" is the one that comes next


class LocalTime(msgspec.Struct, frozen=True):
    """What calendar and clock on the wall show: Monday is 0; minutes since midnight with their fractions."""

    weekday: int
    minute: float

    @property
    def of_week(self) -> float:
        """Minutes since Monday's midnight."""
        return self.weekday * DAY + self.minute


LocalOf = Callable[[float], LocalTime]  # of a time in Unix seconds


def is_open(schedule: Schedule, local: LocalTime) -> bool:
    """Say whether the machine may work at this time."""
    return not schedule.enabled or any(start <= local.minute < end for start, end in schedule.days[local.weekday])


def next_start(schedule: Schedule, now: float, local_of: LocalOf) -> float | None:
    """Return when the next span starts (Unix seconds), or None where there is none."""
    here = local_of(now).of_week
    starts = [day * DAY + start for day, spans in enumerate(schedule.days) for start, _ in spans]
    if not starts:
        return None
    wanted = min(starts, key=lambda start: ((start - here) % WEEK) or WEEK)
    return _when(wanted, now, local_of)


def tomorrow_morning(now: float, local_of: LocalOf) -> float:
    """Return when the next day begins for a volunteer who goes to bed at this time (Unix seconds)."""
    local = local_of(now)
    day = local.weekday if local.minute < NIGHT_ENDS else local.weekday + 1
    return _when(day * DAY + MORNING, now, local_of)


def _when(wanted: float, now: float, local_of: LocalOf) -> float:
    """Return when the clock on the wall shows this minute of the week next, changes of the clock included.

    A minute that the clock leaps over has come when it has been leapt over.
    """

    def off(at: float) -> float:
        """Return by how many minutes the clock is past the wanted one."""
        return (local_of(at).of_week - wanted + WEEK / 2) % WEEK - WEEK / 2

    then = now + (((wanted - local_of(now).of_week) % WEEK) or WEEK) * 60
    when = then - off(then) * 60
    while when < then and off(when) < -0.5:  # less is what fractions of a second make
        when += 60
    return when
