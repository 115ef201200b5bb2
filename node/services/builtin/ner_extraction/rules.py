"""What a rule finds: an entity, and how two that overlap are settled."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator
from typing import Literal

import msgspec

EntityType = Literal["email", "ni_number", "postcode", "money", "sort_code", "date", "reference", "phone", "person"]

# Where two entities overlap, the earlier type here wins, then the longer text.
PRIORITY: tuple[EntityType, ...] = (
    "email", "ni_number", "postcode", "money", "sort_code", "date", "reference", "phone", "person",
)  # fmt: skip


class Entity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entity; `start` and `end` count Unicode characters, `value` is the normalised form."""

    type: EntityType
    text: str
    start: int
    end: int
    value: str
    confidence: float
    currency: str | None = None  # of money, ISO 4217
    label: str | None = None  # of a reference: what kind it was said to be
    title: str | None = None  # of a person


Rule = Callable[[str], Iterator[Entity]]


def settle(candidates: Iterable[Entity]) -> list[Entity]:
    """Keep the best of overlapping entities; return them in the order of the text."""
    best_first = sorted(candidates, key=lambda one: (PRIORITY.index(one.type), one.start - one.end, one.start))
    taken: list[tuple[int, int]] = []
    kept: list[Entity] = []
    for entity in best_first:
        place = bisect_left(taken, (entity.start, entity.end))
        before_is_clear = place == 0 or taken[place - 1][1] <= entity.start
        after_is_clear = place == len(taken) or taken[place][0] >= entity.end
        if before_is_clear and after_is_clear:
            insort(taken, (entity.start, entity.end))
            kept.append(entity)
    return sorted(kept, key=lambda entity: entity.start)
