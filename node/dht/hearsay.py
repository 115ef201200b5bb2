"""Whom we ask only because somebody said so: few ids at one address, and after some silence nobody there.

A liar tells contacts by the dozen, all at the address of one victim, who may have nothing to do with the mesh.
Without this, every lookup of every node that hears them would send the victim a datagram for each. A real node has
one id, and sooner or later it answers; who has proved that he lives at an address is asked there without limits
(see `proofs`). So several silent ids at one address are a lie, while one silent id may be a busy machine.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field

from node.dht.limits import is_loopback, source_of
from node.dht.messages import Address

FIRST_SILENCE = 5.0  # seconds for which nobody at a silent address is asked; it doubles
LONGEST_SILENCE = 120.0
MOST_KEPT = 1024


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many ids may be asked at once, how many may stay silent, and how often all of them together, in a row."""

    at_once: int
    silent_ids: int
    misses: int


OF_ADDRESS = Allowance(at_once=2, silent_ids=3, misses=24)
OF_SOURCE = Allowance(at_once=16, silent_ids=32, misses=256)  # of one IP address (IPv6: one /64) but this machine's


@dataclass(slots=True)
class Claims:
    """The ids that are said to live somewhere, those that are being asked and those that were silent."""

    asked: dict[bytes, int] = field(default_factory=dict)
    silent: set[bytes] = field(default_factory=set)
    misses: int = 0
    silences: int = 0
    silent_until: float = 0.0

    def miss(self, node_id: bytes, allowance: Allowance, now: float) -> None:
        """Note a silent id; begin a silence of ours, longer each time, when that was too much."""
        self.misses += 1
        if len(self.silent) < allowance.silent_ids:
            self.silent.add(node_id)
        if len(self.silent) >= allowance.silent_ids or self.misses >= allowance.misses:
            self.silent_until = now + min(FIRST_SILENCE * 2 ** min(self.silences, 10), LONGEST_SILENCE)
            self.silences += 1


class Hearsay:
    """Says whether somebody who has not proved his id may be asked; `now` is in seconds of any one clock."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most = most
        self._claims: OrderedDict[Hashable, Claims] = OrderedDict()

    def __len__(self) -> int:
        return len(self._claims)

    def may_ask(self, node_id: bytes, address: Address, now: float) -> bool:
        """Tell whether this is one of few, and not the next of many who were silent."""
        for place, allowance in _places(address):
            claims = self._claims.get(place)
            if claims is None:
                continue
            one_more = node_id not in claims.asked and len(claims.asked) >= allowance.at_once
            if one_more or now < claims.silent_until:
                return False
        return True

    def asked(self, node_id: bytes, address: Address) -> None:
        """Note a request, which `proved` or `silent` will end."""
        for place, _ in _places(address):
            claims = self._claims.setdefault(place, Claims())
            self._claims.move_to_end(place)
            claims.asked[node_id] = claims.asked.get(node_id, 0) + 1
        while len(self._claims) > self._most:
            self._claims.popitem(last=False)

    def proved(self, node_id: bytes, address: Address) -> None:
        """Note that this node lives there."""
        for place, _ in _places(address):
            claims = self._ended(place, node_id)
            if claims is not None:
                self._claims[place] = Claims(claims.asked)
                if not claims.asked:
                    del self._claims[place]

    def silent(self, node_id: bytes, address: Address, now: float) -> None:
        """Note that no answer came, none with a proof, or somebody else's."""
        for place, allowance in _places(address):
            claims = self._ended(place, node_id)
            if claims is not None:
                claims.miss(node_id, allowance, now)

    def _ended(self, place: Hashable, node_id: bytes) -> Claims | None:
        """Take back one request; return the claims, or None where they have been forgotten meanwhile."""
        claims = self._claims.get(place)
        if claims is None or node_id not in claims.asked:
            return None
        claims.asked[node_id] -= 1
        if not claims.asked[node_id]:
            del claims.asked[node_id]
        return claims


def _places(address: Address) -> list[tuple[Hashable, Allowance]]:
    """Return what the limits are for: the address, and all of its IP address."""
    places: list[tuple[Hashable, Allowance]] = [(address, OF_ADDRESS)]
    if not is_loopback(address[0]):
        places.append((source_of(address[0]), OF_SOURCE))
    return places
