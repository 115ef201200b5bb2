"""Remembers which signed requests have been seen, for as long as their tokens are good."""

from __future__ import annotations

from collections import OrderedDict

from node.wire.credentials import CLOCK_SKEW
from node.wire.tokens import LIFE

KEPT = LIFE + 2 * CLOCK_SKEW  # seconds
MOST = 100_000  # of about 200 bytes; only who is enrolled gets anything in


class OnceOnly:
    """Says of each mark whether it comes for the first time; times are Unix seconds."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, float] = OrderedDict()

    def is_first(self, mark: str, now: float) -> bool:
        while self._seen and (len(self._seen) >= MOST or now - next(iter(self._seen.values())) > KEPT):
            self._seen.popitem(last=False)
        if mark in self._seen:
            return False
        self._seen[mark] = now
        return True
