"""What was given, day by day, in a book that cannot grow without end. Pure: days are told, not looked up.

A clock that jumps does no harm: what is counted falls on the day that the clock shows, nothing is thrown away for
its date, and days that have to make room are added to what was before them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

import msgspec

from node.vitals.values import NOTHING, SHOWN_DAYS, Contribution, Counted, Day

MOST_DAYS = 400
MOST_SERVICES = 256


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """The book: a line for each of the last days, one for what was before, and one for each service."""

    earlier: Counted = NOTHING
    since: str = ""  # the first day
    days: dict[str, Counted] = {}
    services: dict[str, Counted] = {}
    services_day: str = ""  # the day that the next line is about
    services_today: dict[str, Counted] = {}


def entered(ledger: Ledger, today: str, growth: Mapping[str, Counted]) -> Ledger:
    """Return the book with what each service has given since the last entry."""
    if not growth:
        return ledger
    days = {**ledger.days, today: ledger.days.get(today, NOTHING).plus(total(growth.values()))}
    earlier = ledger.earlier
    while len(days) > MOST_DAYS:
        earlier = earlier.plus(days.pop(min(days)))
    before = ledger.services_today if ledger.services_day == today else {}
    return Ledger(
        earlier=earlier,
        since=min(ledger.since or today, today),
        days=days,
        services=_joined(ledger.services, growth),
        services_day=today,
        services_today=_joined(before, growth),
    )


def contribution(ledger: Ledger, today: str) -> Contribution:
    """Return what the book says to somebody who reads it today."""
    now = date.fromisoformat(today)
    monday = now - timedelta(days=now.weekday())
    shown = [now - timedelta(days=back) for back in reversed(range(SHOWN_DAYS)) if now.toordinal() > back]
    return Contribution(
        today=ledger.days.get(today, NOTHING),
        week=total(ledger.days.get(one.isoformat(), NOTHING) for one in days_between(monday, now)),
        total=total((ledger.earlier, *ledger.days.values())),
        since=ledger.since,
        days=tuple(Day(one.isoformat(), ledger.days.get(one.isoformat(), NOTHING)) for one in shown),
        services=ledger.services,
        services_today=ledger.services_today if ledger.services_day == today else {},
    )


def days_between(first: date, last: date) -> Iterable[date]:
    return (first + timedelta(days=number) for number in range((last - first).days + 1))


def total(counted: Iterable[Counted]) -> Counted:
    together = NOTHING
    for one in counted:
        together = together.plus(one)
    return together


def _joined(before: Mapping[str, Counted], growth: Mapping[str, Counted]) -> dict[str, Counted]:
    """Add each service's line; of too many services those that came first make room for new ones."""
    after = {**before, **{name: before.get(name, NOTHING).plus(one) for name, one in growth.items()}}
    for name in list(after)[: max(0, len(after) - MOST_SERVICES)]:
        del after[name]
    return after
