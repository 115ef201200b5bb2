"""Where we may connect to because somebody else says so: the internet, and nothing of our own network. Pure."""

from __future__ import annotations

import ipaddress

from node.forwarding.resolver import is_public

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
COMPATIBLE = ipaddress.IPv6Network("::/96")  # IPv4 inside IPv6 as it was once written


def is_outside(host: str) -> bool:
    """Say whether an address is one machine's on the internet, also of what other forms of it lead to."""
    address = ipaddress.ip_address(host.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    address = mapped or address
    if not is_public(host) or address.is_multicast or address.is_unspecified:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return not address.is_reserved
    if address in COMPATIBLE or address.is_site_local:
        return False
    inner = address.sixtofour or (address.teredo[1] if address.teredo is not None else None)
    if inner is None and address in NAT64:
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return inner is None or (is_public(str(inner)) and not inner.is_multicast)
