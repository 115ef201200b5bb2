"""Which addresses are machines of the public internet: the one rule for connecting where somebody else says. Pure.

Whoever names an address could mean a machine in our own network, and there are many ways to write one: IPv4 inside
IPv6, prefixes that a router translates, and those of tunnels that hardly anybody has any more. What is not surely
one machine's on the internet is none.
"""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

# IPv4 that Python counts as global in some of its versions, and no machine's: protocol assignments, relays of 6to4.
NOBODYS_4 = (IPv4Network("192.0.0.0/24"), IPv4Network("192.88.99.0/24"))
UNICAST = IPv6Network("2000::/3")  # the only part of IPv6 that is given to networks
NOBODYS_6 = (
    IPv6Network("2001::/23"),  # protocol assignments, Teredo among them
    IPv6Network("2001:db8::/32"),  # documentation
    IPv6Network("2002::/16"),  # 6to4 (RFC 7526): any IPv4 address in it
    IPv6Network("2620:4f:8000::/48"),  # AS112
    IPv6Network("3fff::/20"),  # documentation
)
NAT64 = IPv6Network("64:ff9b::/96")  # how a network without IPv4 writes an IPv4 address (RFC 6052)


def is_public(host: str) -> bool:
    """Tell whether an address is one machine's on the internet; IPv4 inside IPv6 counts as what it leads to."""
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, IPv4Address):
        return _is_public_4(address)
    if "%" in host:
        return False
    if address.ipv4_mapped is not None:
        return _is_public_4(address.ipv4_mapped)
    if address in NAT64:
        return _is_public_4(IPv4Address(int(address) & 0xFFFFFFFF))
    return _is_public_6(address)


def _is_public_4(address: IPv4Address) -> bool:
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    return not any(address in network for network in NOBODYS_4)


def _is_public_6(address: IPv6Address) -> bool:
    return address in UNICAST and address.is_global and not any(address in network for network in NOBODYS_6)
