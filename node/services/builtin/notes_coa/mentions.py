"""Entities as ner-extraction reports them, tied to the places in the notes where they are."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import msgspec


class Mention(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entity; a type that we do not know is kept and not used."""

    type: str
    text: str
    start: int
    end: int
    value: str
    currency: str | None = None
    label: str | None = None
    title: str | None = None
    confidence: float = 1.0


def checked(mentions: Sequence[Mention], notes: str) -> list[Mention]:
    """Keep what really is in the notes where it says, in its order: another machine found it."""
    real = [one for one in mentions if 0 <= one.start < one.end and notes[one.start : one.end] == one.text]
    return sorted(real, key=_start)


def within(mentions: Sequence[Mention], start: int, end: int, kind: str) -> list[Mention]:
    """Return the mentions of one type that lie between two places, out of mentions in their order."""
    first, last = (bisect_left(mentions, place, key=_start) for place in (start, end))
    return [one for one in mentions[first:last] if one.type == kind and one.end <= end]


def _start(mention: Mention) -> int:
    return mention.start
