"""How many datagrams from each source are looked at: token buckets, so that nobody starves the others.

A contact that has proved who it is has a bucket of its own, one however many addresses it proves itself at. All the
strangers of one IP address (IPv6: of one /64, which one customer has) share one, and all strangers together share
another, so that neither forged addresses nor many addresses help. What is over the limit is dropped before it is
decoded. A request that costs more than most pays for it afterwards.
"""

from __future__ import annotations

import socket
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from node.dht.messages import Address

MOST_BUCKETS = 4096  # contacts that are kept in mind, and as many sources of strangers


@dataclass(frozen=True, slots=True)
class Rate:
    """Datagrams a second, and how many may come at once after a quiet time."""

    per_second: float
    burst: float

    def __post_init__(self) -> None:
        """Refuse a rate at which nothing would ever pass."""
        if self.per_second <= 0 or self.burst < 1:
            raise ValueError("a rate limit in the DHT's settings must let at least one datagram pass")

    def times(self, factor: float) -> Rate:
        return Rate(self.per_second * factor, self.burst * factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """What each source may send; sources on this very machine may send `loopback` times as much.

    Whole meshes run on one machine behind one loopback address, and whoever is there can burn its time anyway; so
    strangers from there are not counted together with the strangers of the network either. One stranger's share is
    a fortieth of all strangers', because a member has it beside his own; whoever joins needs some ten datagrams.
    """

    contact: Rate = Rate(200, 400)
    stranger: Rate = Rate(50, 200)
    strangers: Rate = Rate(2000, 4000)
    loopback: float = 50.0

    def __post_init__(self) -> None:
        """Refuse what would lock this machine out."""
        if self.loopback < 1:
            raise ValueError("the DHT's limit for loopback cannot be less than that for others")


@dataclass(slots=True)
class Bucket:
    """Tokens as of one moment (seconds of the caller's clock)."""

    tokens: float
    at: float

    def take(self, rate: Rate, now: float) -> bool:
        """Take one token if there is one."""
        self.tokens = min(rate.burst, self.tokens + (now - self.at) * rate.per_second)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Limiter:
    """Says which datagrams are looked at; `most` bounds the memory for contacts and that for strangers."""

    def __init__(self, limits: RateLimits, most: int = MOST_BUCKETS) -> None:
        self._limits = limits
        self._most = most
        self._contacts: OrderedDict[Address, Bucket] = OrderedDict()
        self._homes: OrderedDict[bytes, tuple[Address, Bucket]] = OrderedDict()
        self._sources: OrderedDict[str | bytes, Bucket] = OrderedDict()
        self._strangers = Bucket(limits.strangers.burst, 0.0)
        self._contact_here = limits.contact.times(limits.loopback)
        self._stranger_here = limits.stranger.times(limits.loopback)

    def trust(self, node_id: bytes, address: Address, now: float) -> None:
        """Give a contact that answered, and has proved who it is, a bucket of its own: it moves where he moves.

        A member with a thousand ports would have the shares of a thousand otherwise.
        """
        home, bucket = self._homes.pop(node_id, (address, None))
        if bucket is None:
            bucket = Bucket(self._contact_rate(address[0]).burst, now)
        elif home != address and self._contacts.get(home) is bucket:
            del self._contacts[home]
        self._homes[node_id] = address, bucket
        self._contacts[address] = bucket
        self._contacts.move_to_end(address)
        _shrink(self._homes, self._most)
        _shrink(self._contacts, self._most)

    def distrust(self, address: Address) -> None:
        """Count a source among the strangers again."""
        self._contacts.pop(address, None)

    def admits(self, address: Address, now: float) -> bool:
        """Tell whether one more datagram from this source is looked at now."""
        own = self._contacts.get(address)
        if own is not None:
            self._contacts.move_to_end(address)
            return own.take(self._contact_rate(address[0]), now)
        return self._admits_stranger(address[0], now)

    def charge(self, address: Address, tokens: float) -> None:
        """Let a source pay for a request that was admitted and cost more than most: a debt has to be waited off."""
        own = self._contacts.get(address)
        if own is not None:
            own.tokens -= tokens
            return
        source = self._sources.get(source_of(address[0]))
        if source is not None:
            source.tokens -= tokens
        if not is_loopback(address[0]):
            self._strangers.tokens -= tokens

    def _admits_stranger(self, ip: str, now: float) -> bool:
        here = is_loopback(ip)
        rate = self._stranger_here if here else self._limits.stranger
        source = source_of(ip)
        bucket = self._sources.get(source)
        if bucket is None:
            bucket = self._sources[source] = Bucket(rate.burst, now)
            _shrink(self._sources, self._most)
        self._sources.move_to_end(source)
        if not bucket.take(rate, now):
            return False
        return here or self._strangers.take(self._limits.strangers, now)

    def _contact_rate(self, ip: str) -> Rate:
        return self._contact_here if is_loopback(ip) else self._limits.contact


def source_of(ip: str) -> str | bytes:
    """Return what the strangers at an address have in common: the address, or the first 64 bits of IPv6."""
    return socket.inet_pton(socket.AF_INET6, ip)[:8] if ":" in ip else ip


def is_loopback(ip: str) -> bool:
    return ip.startswith("127.") or ip == "::1"


def _shrink(kept: OrderedDict[Any, Any], most: int) -> None:
    while len(kept) > most:
        kept.popitem(last=False)
