"""Half hours are painted without touching others; presets and times written by hand are weeks that a node takes."""

from __future__ import annotations

import random

import msgspec
import pytest

from app import week as weeks
from app.week import HoursError
from node.rules.settings import EVENINGS_AND_NIGHTS, Day, Schedule


def minutes(day: Day) -> set[int]:
    return {minute for start, end in day for minute in range(start, end)}


def test_painting_changes_these_minutes_and_no_others() -> None:
    rng = random.Random(7)
    day: Day = ((15, 480), (1080, 1439))
    for _ in range(300):
        start = rng.randrange(48) * 30
        end = rng.randrange(start, 1440, 30) + 30
        works = rng.random() < 0.5
        expected = minutes(day) | set(range(start, end)) if works else minutes(day) - set(range(start, end))
        day = weeks.painted(day, start, end, works=works)
        assert minutes(day) == expected
        assert day == weeks.merged(day)
        assert len(day) <= weeks.MOST_SPANS + 2


def test_a_rectangle_is_painted_on_its_days_only() -> None:
    week = Schedule().days
    painted = weeks.painted_week(week, range(1, 3), range(16, 20), works=True)
    assert painted[0] == week[0]
    assert painted[1] == painted[2] == ((0, 600), (1080, 1440))
    assert painted[3:] == week[3:]
    assert weeks.painted_week(painted, range(1, 3), range(16, 20), works=False) == week


def test_a_day_is_copied_to_others() -> None:
    week = weeks.painted_week(Schedule().days, range(1), range(48), works=False)
    assert weeks.copied(week, 0, range(7)) == ((),) * 7
    assert weeks.copied(week, 0, (5,)) == (*week[:5], (), week[6])


@pytest.mark.parametrize(
    ("day", "slot", "expected"),
    [
        (((0, 480),), 0, "open"),
        (((0, 480),), 15, "open"),
        (((0, 480),), 16, "closed"),
        (((0, 490),), 16, "partly"),
        (((0, 15), (15, 30)), 0, "open"),
        ((), 47, "closed"),
    ],
)
def test_a_half_hour_is_open_closed_or_partly_open(day: Day, slot: int, expected: str) -> None:
    assert weeks.cover(day, slot) == expected


@pytest.mark.parametrize("name", list(weeks.PRESETS))
def test_presets_are_schedules_that_a_node_takes(name: weeks.Preset) -> None:
    made = Schedule(enabled=True, days=weeks.PRESETS[name])
    assert msgspec.convert(msgspec.to_builtins(made), Schedule) == made


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("0:00–8:00, 18:00–24:00", EVENINGS_AND_NIGHTS),
        ("0-8, 18-24", EVENINGS_AND_NIGHTS),
        ("18.00 - 24.00; 0:00 — 8:00", EVENINGS_AND_NIGHTS),
        ("8:15-9, 9-10:45,", ((495, 645),)),
    ],
)
def test_times_are_read_as_people_write_them(text: str, expected: Day) -> None:
    assert weeks.parse_hours(text) == expected
    assert weeks.parse_hours(weeks.hours_text(expected)) == expected


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("22:00-6:00", "22:00-6:00"),
        ("9-9", "9-9"),
        ("0-25", "0-25"),
        ("8-12, noon", "noon"),
        ("8:60-9:00", "8:60-9:00"),
    ],
)
def test_what_are_no_hours_is_told(text: str, part: str) -> None:
    with pytest.raises(HoursError) as error:
        weeks.parse_hours(text)
    assert error.value.part == part


def test_more_spans_than_a_node_takes_are_refused() -> None:
    text = ",".join(f"{n // 60}:{n % 60:02}-{(n + 10) // 60}:{(n + 10) % 60:02}" for n in range(0, 1400, 40))
    with pytest.raises(HoursError):
        weeks.parse_hours(text)
