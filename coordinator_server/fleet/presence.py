"""Who of the coordinators is alive, by what each said in the store. Pure.

Each has a row that it writes again and again, and a leased key that vanishes with it: no clock has to be right.
While the store itself has no majority nothing vanishes, and all that were there count as alive.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Literal

import msgspec

from node.wire.messages import CoordinatorInfo

MOST = 16  # coordinators that workers are told of, we among them

Status = Literal["active", "starting", "draining", "stale"]


class Serving(msgspec.Struct, frozen=True, kw_only=True):
    """What a coordinator says of itself: `seen_at` is when it did (Unix seconds), `run` is drawn at each start."""

    info: CoordinatorInfo
    seen_at: float
    run: str = ""
    workers: int = 0
    load: float = 0.0


class Presence:
    """Knows the coordinators but for ourselves."""

    def __init__(self, own_id: str) -> None:
        self._own_id = own_id
        self._said: dict[str, Serving] = {}
        self._here: frozenset[str] = frozenset()

    def look(self, rows: Mapping[str, Serving], here: Collection[str]) -> None:
        """Take in what the store has now: what each has said, and who is here."""
        self._said = {name: said for name, said in rows.items() if name != self._own_id and said.info.id == name}
        self._here = frozenset(here)

    def alive(self) -> Sequence[Serving]:
        """Return who is here, in an order that does not change by itself."""
        return self._those(lambda name: name in self._here)

    def silent(self) -> Sequence[Serving]:
        """Return who has ended without a word."""
        return self._those(lambda name: name not in self._here)

    def _those(self, are_meant: Callable[[str], bool]) -> Sequence[Serving]:
        return [self._said[name] for name in sorted(self._said) if are_meant(name)][: MOST - 1]
