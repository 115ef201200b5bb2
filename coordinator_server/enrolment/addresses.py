"""Gives every member of the overlay an address of its own, for as long as any certificate may claim it.

Each address is one key of the store, written by compare-and-set together with what it is given for: coordinators
that share a store never give one out twice. Low addresses are the coordinators', so that people recognise them.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import msgspec

from coordinator_server.store.interface import ABSENT, Store, Write
from node.vpn.settings import check_network
from node.wire.credentials import Role
from node.wire.messages import UNREADABLE
from node.wire.problems import Problem

PREFIX = "address/"
COORDINATORS = 15  # addresses kept for them, in a network that is not tiny


class Reservation(msgspec.Struct, frozen=True):
    """Who has an address, and until when no other member may get it (Unix seconds)."""

    holder: str
    until: float


NOBODY_KNOWS = Reservation("", float("inf"))  # of an address whose row cannot be read: it stays taken


class Addresses:
    """The overlay's network; who has what of it, only the store knows."""

    def __init__(self, store: Store, network: IPv4Network) -> None:
        self._store = store
        self.network = network
        lowest, highest = int(network.network_address) + 1, int(network.broadcast_address)
        edge = lowest + min(COORDINATORS, network.num_addresses // 8)
        self._ranges: dict[Role, range] = {"coordinator": range(lowest, edge), "worker": range(edge, highest)}
        self._next = {role: numbers.start for role, numbers in self._ranges.items()}

    async def load(self) -> None:
        """Go on after the highest address that was given out, so that one which came free rests the longest."""
        given = await self._given()
        for role, numbers in self._ranges.items():
            self._next[role] = max((number for number in given if number in numbers), default=numbers.start - 1) + 1

    async def propose(self, holder: str, role: Role, now: float, until: float) -> tuple[IPv4Address, Write]:
        """Return a free address and the write that takes it; raise no-address when there is none.

        When the write fails, somebody else was quicker: ask again.
        """
        reservation = Reservation(holder, until)
        for number in range(self._next[role], self._ranges[role].stop):
            self._next[role] = number + 1
            if await self._store.get(_key(number)) is None:
                return _take(number, reservation, ABSENT)
        return await self._used_before(role, reservation, now)

    async def _used_before(self, role: Role, reservation: Reservation, now: float) -> tuple[IPv4Address, Write]:
        """Look for what was skipped, then for what has been free for the longest time."""
        given, numbers = await self._given(), self._ranges[role]
        skipped = next((number for number in numbers if number not in given), None)
        if skipped is not None:
            return _take(skipped, reservation, ABSENT)
        oldest = min(numbers, key=lambda number: given[number][0].until)
        known, version = given[oldest]
        if known.until > now:
            raise _full(self.network)
        return _take(oldest, reservation, version)

    async def extend(self, ip: str, holder: str, until: float) -> tuple[IPv4Address, Write] | None:
        """Return the write that keeps a holder's address for longer, or None when it is another's by now."""
        address = IPv4Address(ip)
        entry = await self._store.get(_key(int(address))) if address in self.network else None
        if entry is None:
            return None
        found = _read(entry.value)
        if found.holder != holder:
            return None
        return _take(int(address), Reservation(holder, max(until, found.until)), entry.version)

    async def _given(self) -> dict[int, tuple[Reservation, int]]:
        return {
            int(key.removeprefix(PREFIX), 16): (_read(entry.value), entry.version)
            for key, entry in await self._store.list(PREFIX)
        }


def _read(value: bytes) -> Reservation:
    try:
        return msgspec.json.decode(value, type=Reservation)
    except UNREADABLE:
        return NOBODY_KNOWS


def _take(number: int, reservation: Reservation, version: int) -> tuple[IPv4Address, Write]:
    return IPv4Address(number), Write(_key(number), msgspec.json.encode(reservation), version)


def _full(network: IPv4Network) -> Problem:
    return Problem(
        "no-address",
        f"Every address of the overlay network {network} is taken. Those of machines that left come free when "
        "their certificates have expired, within days. The operator can also choose a larger network.",
    )


def parse_network(text: str) -> IPv4Network:
    """Return the overlay's network; raise ValueError for one that no node would take."""
    network = IPv4Network(text)
    check_network(network)
    return network


def _key(number: int) -> str:
    return f"{PREFIX}{number:08x}"
