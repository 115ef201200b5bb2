"""What the router in front of us does with addresses, by what machines outside saw (RFC 4787, section 4). Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Sequence
from typing import Literal

from node.reachability.observations import Mapped

Nat = Literal["none", "one-port", "symmetric", "not-known"]


def nat_of(mappings: Sequence[Mapped], own_addresses: Collection[str]) -> Nat:
    """Return how we are seen outside, by machines that were all asked from one socket.

    `symmetric`: each is shown another port or address, so what one sees of us is of no use to another.
    `not-known`: less than two machines beyond the router answered, or none at all.
    """
    own = {_plain(address) for address in own_addresses}
    outside = [one for one in mappings if not ipaddress.ip_address(one.asked[0]).is_loopback]
    translated = [one for one in outside if _plain(one.seen[0]) not in own]
    if outside and not translated:
        # Whoever is in our own network sees our address though there is a router in front of it.
        return "none" if any(ipaddress.ip_address(one.asked[0]).is_global for one in outside) else "not-known"
    for version in (4, 6):  # each is translated by itself
        there = [one for one in translated if ipaddress.ip_address(one.asked[0]).version == version]
        if len({one.asked for one in there}) > 1:
            return "one-port" if len({one.seen for one in there}) == 1 else "symmetric"
    return "not-known"


def _plain(address: str) -> str:
    return str(ipaddress.ip_address(address.partition("%")[0]))
