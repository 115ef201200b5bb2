"""Where a node tells others that it can be reached. Pure but for the list of addresses it is given."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from node.config import NodeConfig
from node.wire.messages import Address, Endpoints

ANY = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, never bound
MOST = 8  # hosts that an announcement may carry


def endpoints_of(config: NodeConfig, port: int, dht_port: int, addresses: Iterable[Address]) -> Endpoints:
    """Return what to announce: the address listened on, or those of the local network where it listens on all."""
    hosts = (config.host,) if config.host not in ANY else _local_hosts(addresses, config.host)
    tunnel_url = config.tunnel_url if config.use_tunnel and config.tunnel != "off" else ""
    return Endpoints(port=port, dht_port=dht_port, direct_hosts=hosts[:MOST], tunnel_url=tunnel_url or None)


def _local_hosts(addresses: Iterable[Address], host: str) -> tuple[str, ...]:
    usable = [
        entry.address
        for entry in addresses
        if entry.scope in ("private", "public") and (host == "::" or entry.family == "ipv4")
    ]
    # IPv4 first: it is what most local networks route.
    return tuple(sorted(usable, key=lambda text: ipaddress.ip_address(text).version)) or ("127.0.0.1",)
