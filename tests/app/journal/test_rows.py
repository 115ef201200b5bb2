"""What is wanted of the log, and a heading before each day."""

from __future__ import annotations

import itertools

from app.journal.rows import Wish, rows_of
from tests.support.pasts import activity, entry

ENTRIES = activity(60).entries or ()


def test_each_day_has_one_heading_above_its_entries() -> None:
    rows = rows_of(ENTRIES, Wish())
    assert tuple(row.entry for row in rows if row.entry is not None) == ENTRIES
    days = [row.day for row in rows if row.entry is None]
    assert len(days) == len(set(days)) > 1
    assert rows[0].entry is None
    assert all(a.day == b.day or b.entry is None for a, b in itertools.pairwise(rows))
    assert rows_of((), Wish()) == []


def test_kinds_trouble_and_words() -> None:
    assert Wish().everything
    services = rows_of(ENTRIES, Wish("service"))
    assert {row.entry.code for row in services if row.entry} == {"service-started", "service-failed"}
    trouble = rows_of(ENTRIES, Wish("trouble"))
    assert {row.entry.code for row in trouble if row.entry} == {"service-failed", "coordinator-lost"}
    assert Wish("all", "FAILED exit").allows(entry(5))
    assert not Wish("all", "failed nothing").allows(entry(5))
    assert Wish("all", "https debtadvice").allows(entry(1)), "also what the sentence leaves out"
    assert Wish("all", "   ").everything
