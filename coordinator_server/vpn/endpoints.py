"""Where members of the overlay find this coordinator outside: from its settings and this machine's addresses."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network
from urllib.parse import urlsplit

import psutil

from coordinator_server.config import ENDPOINT_HOST, CoordinatorConfig, is_wildcard

MOST = 8  # what a grant holds


def advertised(config: CoordinatorConfig, port: int, own: Iterable[IPv4Address] = ()) -> Sequence[str]:
    """Return HOST:PORT (UDP) for members; nothing where nobody outside of this machine could find us.

    `own` are this machine's addresses, for a coordinator that listens on all of them and has no public URL.
    """
    if config.vpn_endpoints:
        return tuple(text if ":" in text else f"{text}:{port}" for text in config.vpn_endpoints)[:MOST]
    public = urlsplit(config.public_url).hostname or ""
    hosts = [host for host in map(_spelled, (public, config.host)) if _leads_here(host)]
    if not hosts and is_wildcard(config.host):
        network = IPv4Network(config.vpn_network)
        hosts = [str(ip) for ip in own if _leads_here(str(ip)) and ip not in network]
    return tuple(f"{host}:{port}" for host in dict.fromkeys(hosts))[:MOST] if port else ()


def own_addresses() -> Iterator[IPv4Address]:
    """Yield the IPv4 addresses of this machine's interfaces, in order."""
    found = psutil.net_if_addrs().values()
    yield from sorted(IPv4Address(one.address) for many in found for one in many if one.family == socket.AF_INET)


def _spelled(host: str) -> str:
    """Return a name as grants spell names; nothing for one that they cannot hold, as with an underscore.

    One endpoint that nodes cannot read would keep them from reading the whole answer, and so from enrolling.
    """
    try:
        ascii_only = host.rstrip(".").encode("idna").decode()
    except UnicodeError:
        return ""
    return ascii_only if ENDPOINT_HOST.fullmatch(ascii_only) else ""


def _leads_here(host: str) -> bool:
    """Say whether others may find us by this name or IPv4 address; Nebula's lighthouses have no other ones here."""
    if not host or is_wildcard(host) or host == "localhost":
        return False
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return True
    return address.version == 4 and not (address.is_loopback or address.is_link_local)
