"""How often somebody may come: rates as people write them, token buckets in a bounded table. No clock inside."""

from __future__ import annotations

import ipaddress
import math
import re
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache

import msgspec

UNITS = {
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "min": 60.0,
    "minute": 60.0,
    "h": 3600.0,
    "hour": 3600.0,
    "day": 86400.0,
}
RATE = re.compile(r"([0-9]{1,9})/([a-z]+)")
MAX_BUCKETS = 20_000
ROUNDING = 1e-6  # what sums of fractions may lose
ENOUGH = 1.0 - ROUNDING  # of a token, for one request


class RateError(ValueError):
    """A rate that cannot be read; the text says what is allowed."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests in so many seconds; a bucket holds `limit` tokens and refills evenly."""

    limit: int
    seconds: float

    @property
    def pause(self) -> float:
        """Seconds from one token to the next."""
        return self.seconds / self.limit

    def __str__(self) -> str:
        names = {1.0: "s", 60.0: "min", 3600.0: "hour", 86400.0: "day"}
        return f"{self.limit}/{names.get(self.seconds, f'{self.seconds:g}s')}"


class Verdict(msgspec.Struct, frozen=True):
    """What a bucket said: may it pass, and how full it is now. RateLimit-* tells whole seconds."""

    allowed: bool
    rate: Rate
    tokens: float

    @property
    def limit(self) -> int:
        return self.rate.limit

    @property
    def remaining(self) -> int:
        return max(0, int(self.tokens))

    @property
    def reset(self) -> int:
        """How long until the bucket is full again."""
        return math.ceil((self.rate.limit - self.tokens) * self.rate.pause - ROUNDING)

    @property
    def retry_after(self) -> int:
        """How long until the next token."""
        return max(1, math.ceil((1.0 - self.tokens) * self.rate.pause - ROUNDING))

    @property
    def headers(self) -> dict[str, str]:
        found = {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset),
        }
        return found if self.allowed else {**found, "Retry-After": str(self.retry_after)}

    def lines(self) -> bytes:
        """Return the same as whole lines of an answer's head, for a request that may pass."""
        limit, tokens = self.rate.limit, self.tokens
        numbers = (limit, tokens, math.ceil((limit - tokens) * self.rate.seconds / limit - ROUNDING))
        return b"RateLimit-Limit: %d\r\nRateLimit-Remaining: %d\r\nRateLimit-Reset: %d\r\n" % numbers


@lru_cache(1024)
def parse_rate(text: str) -> Rate:
    """Parse `120/min`; raise RateError."""
    match = RATE.fullmatch(text.strip().lower())
    if match is None or match[2] not in UNITS or int(match[1]) < 1:
        raise RateError(f"{text[:40]!r} is not a rate; a rate reads like 5/s, 120/min, 1000/hour or 10000/day.")
    return Rate(int(match[1]), UNITS[match[2]])


@lru_cache(4096)
def address_key(address: str, prefix: int = 64) -> str:
    """Return what stands for one household: an IPv4 address, or the /64 network of an IPv6 address.

    Providers give households up to a /56: where nobody is hurt by it, that many bits count.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, prefix), strict=False))
    return str(parsed)


class Buckets:
    """One token bucket per key; the least recently used one makes room when the table is full."""

    def __init__(self, maximum: int = MAX_BUCKETS) -> None:
        self._maximum = maximum
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()  # key -> tokens, when counted

    def __len__(self) -> int:
        return len(self._levels)

    def take(self, key: str, rate: Rate, now: float, cost: float = 1.0) -> Verdict:
        """Take `cost` tokens when they are there; with a cost of 0 only look whether one is."""
        levels, most = self._levels, rate.limit
        known = levels.get(key)
        if known is None:
            tokens = float(most)
        else:
            tokens, counted_at = known
            if now > counted_at:
                tokens += (now - counted_at) * most / rate.seconds
                if tokens > most:
                    tokens = float(most)
        allowed = tokens >= ENOUGH and tokens >= cost - ROUNDING
        if allowed:
            tokens = tokens - cost if tokens > cost else 0.0
        if cost:
            levels[key] = (tokens, now)
            levels.move_to_end(key)
            if len(levels) > self._maximum:
                levels.popitem(last=False)
        return Verdict(allowed, rate, tokens)

    def at_hand(self, key: str, rate: Rate, now: float) -> float:
        """Return how many tokens can be taken at once."""
        return self.take(key, rate, now, 0.0).tokens

    def put_back(self, key: str, rate: Rate, now: float, tokens: float) -> None:
        """Put tokens back that were taken and not used; never more than fit."""
        known = self._levels.get(key)
        if known is not None:
            there = self.take(key, rate, now, 0.0).tokens
            self._levels[key] = (min(float(rate.limit), there + tokens), max(now, known[1]))

    def forget(self, key: str) -> None:
        self._levels.pop(key, None)
