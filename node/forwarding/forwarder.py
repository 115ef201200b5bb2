"""Knows the way to each worker: its connections, the name to call it by, and the proof of who we are."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from urllib.parse import urlsplit

from node.forwarding.bandwidth.meter import Meter
from node.forwarding.http1.head import field_line
from node.forwarding.http1.limits import UpstreamLimits
from node.forwarding.http1.passing import make_pool
from node.forwarding.http1.pool import Address, Connect, CoordinatorAddress, Pool, RelayAddress, Upstreams
from node.forwarding.http1.sweep import Sweep, Timed
from node.forwarding.interface import Target
from node.forwarding.knocker import Knocker, Place, Tell
from node.forwarding.outbound import Outbound
from node.forwarding.resolver import PublicConnector, is_address
from node.wire.headers import HOPS, MESH_TOKEN, ROUTE, SERVICE_TOKEN, WORKER
from node.wire.messages import Route

MAX_WAYS = 1024  # more are forgotten all at once: making one anew is cheap
MOMENT = 0.1  # seconds
HOST = b" HTTP/1.1\r\nHost: "
END_OF_LINE = b"\r\n"
RELAY = "relay"  # scheme of a base URL that names a worker by its id
HOP = field_line(HOPS, "1")

TokenFor = Callable[[str], str]


class Way:
    """One address of one worker; builds heads for it. `named` is what an answer from there says of it."""

    __slots__ = (
        "_host",
        "_load",
        "_load_told_at",
        "_prefix",
        "_proof",
        "_token",
        "_token_for",
        "_worker_id",
        "named",
        "place",
        "pool",
        "route",
    )

    def __init__(
        self,
        pool: Pool,
        host: str,
        worker_id: str,
        route: Route,
        proof: TokenFor | str,
        *,
        place: Place | None = None,
        prefix: str = "",
    ) -> None:
        """`proof` is the token of a service of this machine, or what gives the tokens for another node.

        `place` is where to knock; a name has none, as whoever answers there may not be the worker. Below `prefix`
        somebody else passes requests on to it.
        """
        self.place = place
        self.pool = pool
        self.route = route
        self.named = field_line(WORKER, worker_id) + field_line(ROUTE, route)
        self._host = host.encode("latin-1")
        self._prefix = prefix.encode("latin-1")
        self._load: float | None = None
        self._load_told_at = 0.0
        self._worker_id = worker_id
        self._token_for = None if isinstance(proof, str) else proof
        self._token = ""
        self._proof = field_line(SERVICE_TOKEN, proof) if isinstance(proof, str) else b""

    def is_news(self, load: float | None, now: float) -> bool:
        """Tell whether the load that an answer told is another one than a moment ago; it counts as told now."""
        if load == self._load and now - self._load_told_at < MOMENT:
            return False
        self._load, self._load_told_at = load, now
        return True

    def head(self, outbound: Outbound, lines: bytes) -> bytes:
        """Return the whole head of a request; `lines` are those of this one request alone."""
        if self._token_for is None:
            start = outbound.to_service
        else:
            start = self._prefixed(outbound.to_node) if self._prefix else outbound.to_node
            token = self._token_for(self._worker_id)
            if token is not self._token:
                self._token, self._proof = token, field_line(MESH_TOKEN, token) + HOP
        return b"".join((start, HOST, self._host, END_OF_LINE, outbound.fields, lines, self._proof, END_OF_LINE))

    def _prefixed(self, start: bytes) -> bytes:
        method, blank, target = start.partition(b" ")
        return b"".join((method, blank, self._prefix, target))


class Forwarder:
    """Holds all connections to workers; `token_for(worker_id)` gives the token that proves us to another node."""

    def __init__(
        self,
        token_for: TokenFor,
        *,
        limits: UpstreamLimits | None = None,
        connect: Connect | None = None,
        meter: Meter | None = None,
    ) -> None:
        self._token_for = token_for
        self._sweep = Sweep()
        self.watched: set[Timed] = self._sweep.members  # who is to be told when it is overdue
        self._knocker = Knocker()
        connect = connect or PublicConnector()
        self._upstreams = Upstreams(
            self._sweep, limits, meter.connecting(connect) if meter is not None else connect, make_pool
        )
        self._unwatch = meter.watch(lambda: self._upstreams.live) if meter is not None else None
        self._ways: dict[tuple[str, str, Route, str | None], Way] = {}
        self._trust: ssl.SSLContext | None = None
        self.closed = False

    def way(self, worker_id: str, target: Target, service_token: str | None = None) -> Way:
        """Return the way to a worker's address; with a token it is a service of this machine, else a node."""
        key = (worker_id, target.base_url, target.route, service_token)
        way = self._ways.get(key)
        if way is None:
            way = self._ways[key] = self._find(worker_id, target, service_token)
        return way

    def doubt(self, way: Way, tell: Tell) -> None:
        """Tell whether a connection can still be made where a way leads to, so far as that can be known."""
        if way.place is not None:
            self._knocker.knock(way.place, tell)

    def drain(self) -> None:
        """Keep no connection for a next request."""
        self._upstreams.drain()

    async def stop(self) -> None:
        """Close all connections, for good."""
        self.closed = True
        if self._unwatch is not None:
            self._unwatch()
        await self._knocker.stop()
        await self._upstreams.stop()
        self._sweep.stop()

    def _find(self, worker_id: str, target: Target, service_token: str | None) -> Way:
        if len(self._ways) >= MAX_WAYS:
            self._ways.clear()
        self._sweep.start()
        parts = urlsplit(target.base_url)
        host = parts.hostname or ""
        relayed = target.route == "relay"
        kind = CoordinatorAddress if relayed else Address
        address: Address
        if parts.scheme == RELAY:
            address = RelayAddress(parts.netloc, 0)
        elif parts.scheme == "https":
            address = kind(host, parts.port or 443, self._tls(), host)
        else:
            address = kind(host, parts.port or 80)
        proof = self._token_for if service_token is None else service_token
        place = (host, address.port) if address.tls is None and is_address(host) and not relayed else None
        prefix = parts.path if relayed else ""
        pool = self._upstreams.pool(address)
        return Way(pool, parts.netloc, worker_id, target.route, proof, place=place, prefix=prefix)

    def _tls(self) -> ssl.SSLContext:
        if self._trust is None:
            self._trust = ssl.create_default_context()
        return self._trust
