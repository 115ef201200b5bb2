"""Where a node tells others that it can be reached. Pure but for the list of addresses it is given."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network

from node.config import NodeConfig
from node.vpn.settings import DHT_PORT
from node.wire.messages import Address, DhtContact, Endpoints, Lighthouse

ANY = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, never bound
MOST = 8  # hosts that an announcement may carry


def endpoints_of(config: NodeConfig, port: int, dht_port: int, addresses: Iterable[Address]) -> Endpoints:
    """Return what to announce: the address listened on, or those of the local network where it listens on all."""
    hosts = (config.host,) if config.host not in ANY else _local_hosts(addresses, config.host)
    return Endpoints(port=port, dht_port=dht_port, direct_hosts=hosts[:MOST])


def bootstrap_addresses(
    told: Sequence[DhtContact], overlay: IPv4Network | None, lighthouses: Sequence[Lighthouse]
) -> tuple[tuple[str, int], ...]:
    """Return where to join the DHT: in the overlay through all coordinators there, else through all others."""
    if overlay is None:
        own = {one.vpn_ip for one in lighthouses}
        return tuple((contact.host, contact.port) for contact in told if contact.host not in own)
    inside = [(contact.host, contact.port) for contact in told if _is_in(contact.host, overlay)]
    named = {host for host, _ in inside}
    return (*inside, *((one.vpn_ip, one.dht_port or DHT_PORT) for one in lighthouses if one.vpn_ip not in named))


def is_inside(host: str, overlay: IPv4Network | None) -> bool:
    """Say whether an address is one of the overlay; a name is none."""
    return overlay is not None and _is_in(host, overlay)


def _is_in(host: str, network: IPv4Network) -> bool:
    try:
        return ipaddress.ip_address(host) in network
    except ValueError:
        return False


def _local_hosts(addresses: Iterable[Address], host: str) -> tuple[str, ...]:
    usable = [
        entry.address
        for entry in addresses
        if entry.scope in ("private", "public") and (host == "::" or entry.family == "ipv4")
    ]
    # IPv4 first: it is what most local networks route.
    return tuple(sorted(usable, key=lambda text: ipaddress.ip_address(text).version)) or ("127.0.0.1",)
