"""Entries -> rows: those that are wanted, the newest first, with a heading before each day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app import figures
from app.journal import words
from node.activity.entries import Entry


@dataclass(frozen=True, slots=True)
class Wish:
    """What one wants to see: a kind, and entries in which all words of a text are."""

    kind: words.Choice = "all"
    text: str = ""

    @property
    def everything(self) -> bool:
        return self.kind == "all" and not self.text.split()

    def allows(self, entry: Entry) -> bool:
        if self.kind == "trouble":
            if not words.is_trouble(entry):
                return False
        elif self.kind not in ("all", words.kind_of(entry)):
            return False
        wanted = self.text.lower().split()
        return not wanted or all(word in f"{words.whole(entry)} {entry.subject}".lower() for word in wanted)


@dataclass(frozen=True, slots=True)
class Row:
    """An entry, or the heading of a day, which has none; `day` is (year, month, day) here."""

    entry: Entry | None
    day: tuple[int, int, int]
    at: float


def rows_of(entries: Sequence[Entry], wish: Wish) -> list[Row]:
    """Return the rows for entries that come newest first."""
    rows: list[Row] = []
    before = None
    for entry in entries:
        if wish.allows(entry):
            year, month, day, *_ = figures.local_time(entry.at)
            if (year, month, day) != before:
                before = (year, month, day)
                rows.append(Row(None, before, entry.at))
            rows.append(Row(entry, before, entry.at))
    return rows
