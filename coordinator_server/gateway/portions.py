"""A key's token bucket that several coordinators share: a row in the store, and portions taken out of it. Pure.

The row says how many tokens were ever taken, and how many were there when it was written last. Clocks are never
compared: each coordinator refills the bucket as it sees it by its own clock, and takes out what others have taken
when it sees that, which is late at most. A portion counts when the row is written over the version that was read.
So those that were taken between any two moments are never more than a bucket holds and what comes in meanwhile.
A token is used within HELD seconds or goes back, less what the bucket got meanwhile: else that came twice.
"""

from __future__ import annotations

import math

import msgspec

from coordinator_server.gateway.rates import ENOUGH, ROUNDING, Rate

HELD = 5.0  # seconds in which a portion may be used
GAP = 0.1  # seconds between two portions of a bucket that is less than half full
SURE_DRY = 1.0  # seconds at most for which a bucket is taken for empty without looking
SPREAD = 8  # what nobody has asked for yet is at most one part in so many of each one's share


class Row(msgspec.Struct, frozen=True, array_like=True):
    """The bucket as the store has it; `born` is drawn when the row is made."""

    born: str
    taken: float
    level: float
    limit: int
    seconds: float


class View(msgspec.Struct, frozen=True):
    """The bucket as one coordinator sees it: its level at a moment of its own clock, and what was taken by then."""

    level: float
    at: float
    born: str = ""
    taken: float = 0.0

    def at_time(self, rate: Rate, now: float) -> float:
        return min(float(rate.limit), self.level + max(0.0, now - self.at) / rate.pause)


class Portion(msgspec.Struct, frozen=True):
    """What somebody is about to take: it is theirs when the row is in the store."""

    row: Row
    tokens: int
    begun_at: float


def see(view: View, row: Row | None, rate: Rate, now: float) -> View:
    """Return the bucket as it is seen when the row has been read; None: there is none."""
    level, limit = view.at_time(rate, now), float(rate.limit)
    if row is None:
        return View(level, now)
    told = max(0.0, min(row.level, limit))
    if row.born == view.born:
        return View(max(min(limit, level - (row.taken - view.taken)), told), now, row.born, row.taken)
    return View(min(level, told) if not view.born else told, now, row.born, row.taken)


class Account:
    """One key's tokens at one coordinator; times are seconds of a clock that never runs backwards."""

    def __init__(self, rate: Rate, level: float, now: float) -> None:
        self.rate = rate
        self.view = View(level, now)
        self.looked_at = float("-inf")
        self.next_at = float("-inf")  # when the next portion may be taken
        self.used_at = now
        self._tokens = 0
        self._since = now
        self._used = 0
        self._leased_at = now
        self._loose, self._loose_at = 0.0, now  # not used in time
        self._owed = 0.0  # used without the store
        self._share: tuple[float, float] | None = None  # without the store: tokens, when counted

    # --- tokens -------------------------------------------------------------------------------------------------

    def at_hand(self, now: float) -> int:
        """Return how many tokens may be used now."""
        if self._tokens and not 0.0 <= now - self._since < HELD:
            self._loose, self._loose_at = self._loosely(now) + self._decayed(self._tokens, self._since, now), now
            self._tokens = 0
        return self._tokens

    def take(self, now: float, tokens: int = 1) -> bool:
        """Use tokens, if there are so many at hand."""
        self.used_at = now
        if self.at_hand(now) < tokens:
            return False
        self._tokens -= tokens
        self._used += tokens
        return True

    def level(self, now: float) -> float:
        """Return how many tokens there are, at hand and in the bucket."""
        return min(float(self.rate.limit), self.at_hand(now) + self.view.at_time(self.rate, now))

    def is_dry(self, now: float) -> bool:
        """Say whether the bucket is known to be empty."""
        return 0.0 <= now - self.looked_at < SURE_DRY and self.view.at_time(self.rate, now) < ENOUGH

    # --- without the store --------------------------------------------------------------------------------------

    def share(self, now: float, sharers: int) -> float:
        """Return what is left of our part of the bucket, while the store does not answer."""
        most = max(1.0, self.rate.limit / sharers)
        if self._share is None:
            self._share = self.view.at_time(self.rate, now) / sharers, now
        tokens, counted_at = self._share
        return min(most, tokens + max(0.0, now - counted_at) / self.rate.pause / sharers)

    def take_share(self, now: float, sharers: int, tokens: int = 1) -> bool:
        """Use tokens of our part; the bucket is told when the store answers again."""
        there = self.share(now, sharers)
        if there < tokens - ROUNDING:
            return False
        self._share = max(0.0, there - tokens), now
        self._owed += tokens
        return True

    # --- portions -----------------------------------------------------------------------------------------------

    def portion(self, row: Row | None, need: int, sharers: int, now: float, born: str) -> Portion | None:
        """Return what to take for requests that wait, and for those that come next; None: nothing is to be written.

        `born` is for a new row.
        """
        self.at_hand(now)
        self.view, self.looked_at = see(self.view, row, self.rate, now), now
        back, owed, limit = self._loosely(now), self._owed, float(self.rate.limit)
        level = max(0.0, min(limit, self.view.level + back) - owed)
        tokens = min(need, math.floor(level + ROUNDING))
        if need:
            tokens += self._ahead(level - tokens, sharers, now)
        if not tokens and not owed and back < ENOUGH:
            self.next_at = now + GAP
            return None
        made = Row(
            born=row.born if row is not None else born,
            taken=(row.taken if row is not None else 0.0) + tokens + owed - back,
            level=max(0.0, level - tokens),
            limit=self.rate.limit,
            seconds=self.rate.seconds,
        )
        return Portion(made, tokens, now)

    def granted(self, portion: Portion, now: float) -> None:
        """Hear that a portion is ours."""
        kept = self.at_hand(now)  # none: a portion is taken when there is none
        row, begun = portion.row, portion.begun_at
        self.view = View(row.level, begun, row.born, row.taken)
        self._tokens, self._since = kept + portion.tokens, min(begun, self._since) if kept else begun
        self._used, self._leased_at = 0, begun
        self._loose, self._owed, self._share = 0.0, 0.0, None
        if row.level < row.limit / 2:
            self.next_at = begun + GAP

    def lost(self) -> None:
        """Hear that nobody knows whether the row was written: what would have gone back is gone."""
        self._loose = 0.0

    def has_loose(self, now: float) -> bool:
        """Say whether tokens should go back."""
        self.at_hand(now)
        return self._loosely(now) >= ENOUGH

    def _ahead(self, left: float, sharers: int, now: float) -> int:
        """Return how many to take for the next second: as were used in the last, while there are enough for all."""
        elapsed = now - self._leased_at
        wanted = self._used / max(1.0, elapsed)
        if left > self.rate.limit / 2:
            wanted = max(wanted, left / (SPREAD * sharers))
        return math.floor(min(wanted, left / (2 * sharers)))

    def _loosely(self, now: float) -> float:
        return self._decayed(self._loose, self._loose_at, now)

    def _decayed(self, tokens: float, since: float, now: float) -> float:
        return max(0.0, tokens - max(0.0, now - since) / self.rate.pause)
