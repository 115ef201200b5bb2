"""The hours in which a machine may work: across midnight, and across the nights on which clocks are changed."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from node.rules.schedule import LocalOf, LocalTime, is_open, next_start, tomorrow_morning
from node.rules.settings import Day, Schedule, Week
from tests.support.rules import BERLIN, clock_of, week

ALWAYS: Day = ((0, 1440),)


def at(text: str, zone: ZoneInfo = BERLIN) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


def shown(moment: float | None, zone: ZoneInfo = BERLIN) -> str:
    assert moment is not None
    return datetime.fromtimestamp(moment, zone).strftime("%a %d %H:%M")


LOCAL: LocalOf = clock_of(BERLIN)


def hours(*days: Day) -> Schedule:
    monday, tuesday, wednesday, thursday, friday, saturday, sunday = days
    return Schedule(enabled=True, days=(monday, tuesday, wednesday, thursday, friday, saturday, sunday))


NIGHTS = Schedule(enabled=True, days=week(((0, 360), (1320, 1440))))  # from 22:00 to 6:00, as two spans each


@pytest.mark.parametrize(
    ("when", "is_it"),
    [
        ("2026-11-18 21:59:59", False),
        ("2026-11-18 22:00:00", True),
        ("2026-11-18 23:59:59", True),
        ("2026-11-19 00:00:00", True),
        ("2026-11-19 05:59:59", True),
        ("2026-11-19 06:00:00", False),
    ],
)
def test_hours_may_go_across_midnight_as_two_spans(when: str, is_it: bool) -> None:
    assert is_open(NIGHTS, LOCAL(at(when))) is is_it


def test_a_schedule_that_is_off_is_always_open() -> None:
    assert is_open(Schedule(), LocalTime(0, 720.0))


def test_weekdays_have_their_own_hours() -> None:
    plan = hours((), (), (), (), (), ALWAYS, ((600, 660),))
    assert not is_open(plan, LOCAL(at("2026-11-20 23:59")))
    assert is_open(plan, LOCAL(at("2026-11-21 00:00")))
    assert not is_open(plan, LOCAL(at("2026-11-22 09:59")))
    assert shown(next_start(plan, at("2026-11-22 10:30"), LOCAL)) == "Sat 28 00:00"
    assert shown(next_start(plan, at("2026-11-22 02:00"), LOCAL)) == "Sun 22 10:00"


def test_the_next_start_is_told_and_none_without_hours() -> None:
    assert shown(next_start(NIGHTS, at("2026-11-18 12:00"), LOCAL)) == "Wed 18 22:00"
    assert shown(next_start(NIGHTS, at("2026-11-18 12:00:30"), LOCAL)) == "Wed 18 22:00"
    assert next_start(hours((), (), (), (), (), (), ()), at("2026-11-18 12:00"), LOCAL) is None
    once = hours(((600, 660),), (), (), (), (), (), ())
    assert shown(next_start(once, at("2026-11-16 11:30"), LOCAL)) == "Mon 23 10:00", "in a week, not now"


@pytest.mark.parametrize(
    ("now", "starts"),
    [
        ("2026-03-28 12:00", "Sun 29 08:00"),  # the night has an hour less
        ("2026-10-24 12:00", "Sun 25 08:00"),  # the night has an hour more
        ("2026-10-25 00:30", "Sun 25 08:00"),
    ],
)
def test_the_start_is_by_the_clock_on_the_wall_on_nights_on_which_that_is_changed(now: str, starts: str) -> None:
    days: Week = week(((480, 600),))
    assert shown(next_start(Schedule(enabled=True, days=(*days[:5], (), days[6])), at(now), LOCAL)) == starts


@pytest.mark.parametrize(
    ("start", "told"), [(105, "01:45"), (120, "03:00"), (150, "03:00"), (180, "03:00"), (195, "03:15")]
)
def test_hours_that_begin_in_what_the_clock_leaps_over_begin_behind_it(start: int, told: str) -> None:
    plan = Schedule(enabled=True, days=week(((start, 600),)))
    begins = next_start(plan, at("2026-03-28 22:00:30"), LOCAL)
    assert begins is not None
    assert shown(begins) == f"Sun 29 {told}"
    assert is_open(plan, LOCAL(begins))
    assert not is_open(plan, LOCAL(begins - 1))


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ("2026-11-18 22:00", "Thu 19 07:00"),
        ("2026-11-19 01:30", "Thu 19 07:00"),
        ("2026-11-19 08:00", "Fri 20 07:00"),
        ("2026-11-22 23:00", "Mon 23 07:00"),
        ("2026-03-28 22:00", "Sun 29 07:00"),
    ],
)
def test_tomorrow_morning_is_the_one_after_the_night(now: str, then: str) -> None:
    assert shown(tomorrow_morning(at(now), LOCAL)) == then
