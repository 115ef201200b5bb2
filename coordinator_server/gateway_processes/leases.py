"""Rates that several processes keep together: one true token bucket, and small leases of tokens. Pure.

The first process holds the buckets (`Office`). A gateway process takes a token from a lease that it has (`Leases`),
or has to ask. It is given what its waiting requests need, and beyond that at most what the rate brings in 50 ms,
and only from a bucket that stays more than half full: so tokens are away from a bucket that nearly nobody uses up,
and never from one that somebody does. A token comes out of the bucket before it is used and goes back at most once,
so that all processes together never admit more than the bucket would alone.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from coordinator_server.gateway.access import Kind
from coordinator_server.gateway.rates import MAX_BUCKETS, ROUNDING, Buckets, Rate, Verdict
from coordinator_server.gateway.shared_rates import SharedBuckets

Name = tuple[Kind, str]

LEASED = 0.05  # seconds: what the rate brings in this time may be leased beyond what is needed
HELD = 0.25  # seconds in which a lease may be used
SURE_DRY = 1.0  # seconds at most for which a bucket is taken for empty without asking
RETURNS = 2.0  # seconds within which tokens come back
MOST = 1024  # tokens of one grant
BELOW_ONE = 1.0 - 1e-6


class MustAsk(Exception):  # noqa: N818 - it is no error: the answer is elsewhere
    """There is no token here; the first process has to be asked."""

    def __init__(self, name: Name) -> None:
        super().__init__(name)
        self.name = name


@dataclass(slots=True)
class Lease:
    """Tokens in hand until a time, and what the bucket was told to hold beside them."""

    tokens: int
    until: float
    level: float
    told_at: float


class Leases:
    """What a gateway process has in hand; times are seconds of a clock that never runs backwards."""

    def __init__(self, maximum: int = MAX_BUCKETS) -> None:
        self._maximum = maximum
        self._leases: OrderedDict[Name, Lease] = OrderedDict()

    def __len__(self) -> int:
        return len(self._leases)

    def take(self, name: Name, rate: Rate, now: float) -> Verdict:
        """Take a token, or say that there is none anywhere; raise MustAsk where only the first knows."""
        lease = self._leases.get(name)
        if lease is None:
            raise MustAsk(name)
        if lease.tokens and now < lease.until:
            lease.tokens -= 1
            return Verdict(True, rate, lease.level + lease.tokens)
        level = lease.level + (now - lease.told_at) / rate.pause
        if lease.level < BELOW_ONE and level < BELOW_ONE and now - lease.told_at < SURE_DRY:
            return Verdict(False, rate, level)
        raise MustAsk(name)

    def granted(self, name: Name, tokens: int, level: float, now: float) -> None:
        """Take over a grant."""
        known = self._leases.pop(name, None)
        kept = known.tokens if known is not None and now < known.until else 0
        self._leases[name] = Lease(kept + tokens, now + HELD, level, now)
        while len(self._leases) > self._maximum:
            self._leases.popitem(last=False)

    def unused(self, now: float) -> list[tuple[Name, int]]:
        """Return the tokens that nobody has used in time, which are no longer ours, and forget what is old."""
        found = []
        for name, lease in list(self._leases.items()):
            if now < lease.until:
                continue
            if lease.tokens:
                found.append((name, lease.tokens))
                lease.tokens = 0
            if now - lease.told_at >= SURE_DRY or lease.level >= BELOW_ONE:
                del self._leases[name]
        return found


@dataclass(slots=True)
class _Away:
    tokens: int
    since: float


class Office:
    """Gives tokens out of the true buckets, and takes them back; times are those of the buckets."""

    def __init__(self, buckets: Mapping[Kind, Buckets]) -> None:
        self._buckets = buckets
        self._away: OrderedDict[tuple[int, Name], _Away] = OrderedDict()

    def grant(self, process: int, name: Name, need: int, rate: Rate, now: float) -> tuple[int, float]:
        """Return how many tokens the process gets, and how many are left."""
        kind, key = name
        buckets = self._buckets[kind]
        there = buckets.take(key, rate, now, 0.0).tokens
        at_hand = math.floor(buckets.at_hand(key, rate, now) + ROUNDING)
        tokens = min(need, MOST, at_hand)
        spare = min(int(rate.limit / rate.seconds * LEASED), MOST, at_hand - tokens)
        if there - tokens - spare >= rate.limit / 2:
            tokens += spare
        if not tokens:
            return 0, there
        left = buckets.take(key, rate, now, float(tokens)).tokens
        self._note(process, name, tokens, now)
        return tokens, left

    def shared(self) -> SharedBuckets | None:
        """Return the buckets of keys where these are shared with other coordinators."""
        buckets = self._buckets.get("key")
        return buckets if isinstance(buckets, SharedBuckets) else None

    def take_back(self, process: int, name: Name, tokens: int, rate: Rate, now: float) -> int:
        """Put tokens back that were granted a moment ago, and no others; return how many."""
        away = self._away.get((process, name))
        if away is None or not 0.0 <= now - away.since < RETURNS:
            return 0
        tokens = min(tokens, away.tokens)
        away.tokens -= tokens
        kind, key = name
        self._buckets[kind].put_back(key, rate, now, float(tokens))
        return tokens

    def _note(self, process: int, name: Name, tokens: int, now: float) -> None:
        """Remember what was given; of what is older than a moment nothing comes back."""
        away = self._away.pop((process, name), None)
        if away is None or not 0.0 <= now - away.since < RETURNS:
            away = _Away(0, now)
        away.tokens += tokens
        self._away[process, name] = away
        while len(self._away) > MAX_BUCKETS:
            self._away.popitem(last=False)
