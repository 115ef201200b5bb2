"""Turns what somebody published about a worker into addresses that we are willing to connect to."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from typing import Literal
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from node.forwarding.interface import Target
from node.program.loopback import is_this_machine
from node.routing.loads import Load, possible
from node.wire.messages import Route, WorkerRecord

Source = Literal["dht", "registry"]
RelayBases = Callable[[WorkerRecord], Sequence[str]]  # of a worker by relay, the best first

MAX_DIRECT_HOSTS = 4  # each may cost a connect timeout
LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
NUMERIC = re.compile(r"(0[xX][0-9a-fA-F]*|[0-9]+)")


class Candidate(msgspec.Struct, frozen=True):
    """A worker that could serve, with the ways to reach it in the order to try them.

    `seen_at` is when it was heard of (Unix seconds), `known_at` when its load was known, by the router's own clock.
    """

    worker_id: str
    targets: tuple[Target, ...]
    load: float = 0.0
    seen_at: float = 0.0
    source: Source = "registry"
    services: tuple[str, ...] = ()
    vetted: bool = False
    known_at: float = 0.0
    waits_for_vpn: bool = False  # it has an address in the overlay, but that is down here

    @property
    def said(self) -> Load:
        return Load(self.load, self.known_at)

    def told(self, load: Load) -> Candidate:
        """Return this candidate with another knowledge of its load."""
        if load.known_at == self.known_at and load.value == self.load:
            return self
        return replace(self, load=load.value, known_at=load.known_at)


def candidate_from_record(
    record: WorkerRecord,
    source: Source,
    *,
    vpn_up: bool,
    known_at: float = 0.0,
    own_port: int = 0,
    relay: RelayBases | None = None,
) -> Candidate | None:
    """Return the worker as a candidate, or None when it gives no address that we would connect to.

    A loopback address with our `own_port` is ourselves, and not the worker of another machine who gives it. `relay`
    says where a worker is reached by relay.
    """
    ends = record.endpoints
    found: list[Target] = []
    if vpn_up and ends.vpn_ip is not None and _is_ip(ends.vpn_ip):
        found += _target("vpn", ends.vpn_ip, ends.port)
    for host in ends.direct_hosts[:MAX_DIRECT_HOSTS]:
        if ends.port != own_port or not is_this_machine(host):
            found += _target("direct", host, ends.port)
    if relay is not None and record.relays:
        found += [Target("relay", base) for base in relay(record)]
    found += _tunnel(ends.tunnel_url)
    if not found:
        return None
    return Candidate(
        record.worker_id,
        tuple(dict.fromkeys(found)),
        record.load if possible(record.load) else 1.0,
        record.last_seen,
        source,
        record.services,
        record.trust == "vetted",
        known_at,
        not vpn_up and ends.vpn_ip is not None,
    )


def usable_host(host: str) -> str | None:
    """Return the host as it stands in a URL, IPv6 in brackets; None for what no worker can be at.

    Link-local addresses are refused because cloud metadata services live there; so are names that some
    resolvers read as a number and thus as such an address.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        labels = host.removesuffix(".").split(".")
        is_name = all(LABEL.fullmatch(label) for label in labels) and not NUMERIC.fullmatch(labels[-1])
        return host if is_name else None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return None
    return f"[{address}]" if address.version == 6 else str(address)


def _target(route: Route, host: str, port: int) -> list[Target]:
    usable = usable_host(host)
    return [Target(route, f"http://{usable}:{port}")] if usable else []


def _tunnel(url: str | None) -> list[Target]:
    """Build a tunnel's address anew from its scheme, host and port; a path or a user in it is refused."""
    if not url:
        return []
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return []
    host = usable_host(parts.hostname or "")
    if host is None or parts.scheme not in ("http", "https") or parts.username or parts.path.strip("/"):
        return []
    return [Target("tunnel", f"{parts.scheme}://{host}" + (f":{port}" if port else ""))]


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
