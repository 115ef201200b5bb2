"""Which addresses a worker may claim: its own, so that nobody turns the gateway against another machine. Pure."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

import msgspec

from node.forwarding.public_addresses import is_public
from node.wire.entry_points import LOWEST_PORT, WEB_PORTS
from node.wire.messages import Endpoints

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def checked_endpoints(claimed: Endpoints, seen_from: str, leased: str | None = None) -> Endpoints:
    """Return what we connect to: a worker on this machine may name any of its addresses, another only its own.

    Behind address translation the address seen is the router's; such workers are reached by overlay or tunnel.
    In the overlay it has the address that it was leased, once it says that it is there.
    """
    seen = parse_address(seen_from) if seen_from != leased else None
    if seen is None or not seen.is_loopback:
        hosts: tuple[str, ...] = (str(seen),) if seen is not None and is_reachable(seen) else ()
    else:
        addresses = [address for host in claimed.direct_hosts if (address := parse_address(host)) is not None]
        hosts = tuple(str(address) for address in addresses if is_reachable(address)) or (str(seen),)
    tunnel = claimed.tunnel_url if claimed.tunnel_url and is_public_url(claimed.tunnel_url) else None
    vpn_ip = leased if claimed.vpn_ip == leased else None
    return msgspec.structs.replace(claimed, direct_hosts=hosts, vpn_ip=vpn_ip, tunnel_url=tunnel)


def peer_endpoints(claimed: Endpoints, checked: Endpoints) -> Endpoints:
    """Return what other nodes may try: also addresses in the worker's own network, where they may be too."""
    addresses = [address for host in claimed.direct_hosts if (address := parse_address(host)) is not None]
    private = [str(address) for address in addresses if is_reachable(address) and not address.is_loopback]
    hosts = tuple(dict.fromkeys((*checked.direct_hosts, *private)))[:8]
    return msgspec.structs.replace(checked, direct_hosts=hosts)


def parse_address(host: str) -> Address | None:
    """Parse an IP address; an IPv4 address inside IPv6 becomes that IPv4 address."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def is_reachable(address: Address) -> bool:
    """Say whether a worker could listen there; metadata services of clouds are link-local."""
    if address.is_loopback:
        return True
    return not (address.is_link_local or address.is_multicast or address.is_unspecified or address.is_reserved)


def is_public_url(url: str) -> bool:
    """Say whether a tunnel's URL leads to the internet and not into somebody's network."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port
    except ValueError:
        return False
    if port is not None and port < LOWEST_PORT and port not in WEB_PORTS.values():
        return False
    address = parse_address(host)
    if address is not None:
        return is_public(host)
    return (
        "." in host and not host.endswith((".local", ".internal", ".localhost", ".lan")) and not host[-1].isdigit()
    )
