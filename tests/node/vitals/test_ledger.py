"""The book: days, weeks and all of it, across clocks that jump and more days than it has lines."""

from __future__ import annotations

from datetime import date, timedelta

from node.vitals.ledger import MOST_DAYS, MOST_SERVICES, Ledger, contribution, entered
from node.vitals.values import NOTHING, Counted

ONE = Counted(requests=1, failed=2, cpu_seconds=3.0, gpu_seconds=4.0, energy_joules=5.0)


def after(ledger: Ledger, *days: str) -> Ledger:
    for day in days:
        ledger = entered(ledger, day, {"ner": ONE})
    return ledger


def test_a_new_book_tells_of_nothing() -> None:
    told = contribution(Ledger(), "2026-11-21")
    assert (told.today, told.week, told.total, told.since) == (NOTHING, NOTHING, NOTHING, "")
    assert len(told.days) == 14
    assert told.days[-1].date == "2026-11-21"


def test_today_this_week_and_in_all() -> None:
    ledger = after(Ledger(), "2026-11-15", "2026-11-16", "2026-11-21", "2026-11-21")  # Sunday, Monday, Saturday
    told = contribution(ledger, "2026-11-21")
    assert (told.today.requests, told.week.requests, told.total.requests) == (2, 3, 4)
    assert told.total == Counted(requests=4, failed=8, cpu_seconds=12.0, gpu_seconds=16.0, energy_joules=20.0)
    assert told.since == "2026-11-15"
    assert [day.counted.requests for day in told.days] == [0] * 7 + [1, 1, 0, 0, 0, 0, 2]


def test_a_new_day_begins_with_nothing_and_a_new_week_too() -> None:
    ledger = after(Ledger(), "2026-11-22")
    told = contribution(ledger, "2026-11-23")
    assert (told.today.requests, told.week.requests, told.total.requests) == (0, 0, 1)
    assert told.services_today == {}
    assert told.services == {"ner": ONE}


def test_each_service_has_its_line() -> None:
    ledger = entered(after(Ledger(), "2026-11-20"), "2026-11-21", {"ocr": ONE})
    told = contribution(entered(ledger, "2026-11-21", {"ner": ONE}), "2026-11-21")
    assert told.services == {"ner": ONE.plus(ONE), "ocr": ONE}
    assert told.services_today == {"ner": ONE, "ocr": ONE}


def test_days_that_make_room_still_count() -> None:
    days = [(date(2025, 1, 1) + timedelta(days=number)).isoformat() for number in range(MOST_DAYS + 50)]
    ledger = after(Ledger(), *days)
    assert len(ledger.days) == MOST_DAYS
    told = contribution(ledger, days[-1])
    assert told.total.requests == MOST_DAYS + 50
    assert told.since == "2025-01-01"


def test_a_clock_that_jumps_loses_nothing_and_days_to_come_are_not_this_week() -> None:
    days = [(date(2025, 6, 1) + timedelta(days=number)).isoformat() for number in range(MOST_DAYS)]
    ledger = after(Ledger(), *days, "2099-12-31", "1970-01-01", days[-1])
    told = contribution(ledger, days[-1])
    assert told.today.requests == 2
    assert told.total.requests == MOST_DAYS + 3
    assert contribution(ledger, "2099-12-31").today.requests == 1
    assert contribution(ledger, "1970-01-01").total.requests == MOST_DAYS + 3
    assert contribution(Ledger(), "0001-01-03").days[0].date == "0001-01-01", "the first days of all"


def test_too_many_services_make_room_in_their_turn() -> None:
    ledger = Ledger()
    for number in range(MOST_SERVICES + 5):
        ledger = entered(ledger, "2026-11-21", {f"s{number}": ONE})
    assert len(ledger.services) == MOST_SERVICES
    assert "s4" not in ledger.services
    assert f"s{MOST_SERVICES + 4}" in ledger.services
    assert ledger.days["2026-11-21"].requests == MOST_SERVICES + 5


def test_nothing_new_is_no_entry() -> None:
    ledger = after(Ledger(), "2026-11-21")
    assert entered(ledger, "2026-11-22", {}) is ledger
