"""This machine's addresses, and who could reach it by each."""

from __future__ import annotations

import ipaddress
import logging
import re
import socket
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, Protocol

import psutil

from node.hardware.texts import clean
from node.wire.messages import Address

MAX_ADDRESSES = 64
Scope = Literal["loopback", "link", "private", "public"]
# Bridges of containers and virtual machines: nobody outside this machine gets there by them.
HOST_ONLY = re.compile(r"^(docker|br-|veth|virbr|vboxnet|vmnet|lxcbr|lxdbr|cni|podman|vEthernet \((WSL|Default))")
FAMILIES: Mapping[int, Literal["ipv4", "ipv6"]] = {socket.AF_INET: "ipv4", socket.AF_INET6: "ipv6"}
log = logging.getLogger(__name__)


class InterfaceAddress(Protocol):
    """What psutil says about one address of an interface."""

    @property
    def family(self) -> int: ...
    @property
    def address(self) -> str: ...


def local_addresses() -> tuple[Address, ...]:
    """Return the IP addresses of all interfaces that are up."""
    try:
        up = {name for name, status in psutil.net_if_stats().items() if status.isup}
        found = psutil.net_if_addrs()
    except (OSError, psutil.Error) as error:
        log.warning("the network addresses cannot be listed: %s", error)
        return ()
    return describe({name: addresses for name, addresses in found.items() if name in up})


def describe(interfaces: Mapping[str, Sequence[InterfaceAddress]]) -> tuple[Address, ...]:
    """Turn what psutil found into addresses with their scope, the widest scope first: pure."""
    addresses = []
    for interface, entries in interfaces.items():
        for entry in entries:
            family = FAMILIES.get(entry.family)
            host = entry.address.partition("%")[0]  # an IPv6 zone means nothing on another machine
            scope = scope_of(host, interface) if family else None
            if family and scope:
                addresses.append(Address(interface=clean(interface), address=host, family=family, scope=scope))
    order: dict[Scope, int] = {"public": 0, "private": 1, "link": 2, "loopback": 3}
    addresses.sort(key=lambda address: (order[address.scope], address.family))
    return tuple(addresses[:MAX_ADDRESSES])


def scope_of(host: str, interface: str = "") -> Scope | None:
    """Say from how far an address can be reached, or None for what is none."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    if address.is_unspecified or address.is_multicast:
        return None
    if address.is_loopback:
        return "loopback"
    if address.is_link_local or HOST_ONLY.match(interface):
        return "link"
    return "public" if address.is_global else "private"


def public_address(addresses: Iterable[Address]) -> str | None:
    """Return the first public IPv4 address.

    A public IPv6 address does not count: most homes have one on every machine, behind a firewall.
    """
    return next((each.address for each in addresses if each.scope == "public" and each.family == "ipv4"), None)
