"""The limits of a data plane: how long it waits for whom, and how much it holds."""

from __future__ import annotations

from dataclasses import dataclass, field

from node.forwarding.http1.head import HeadLimits
from node.forwarding.http1.keepalive import KeepAlive

REPLAY_BYTES = 256 * 1024  # of a request's body that are kept for another try
PEEK_BYTES = 64 * 1024  # of an answer that is read whole before it is relayed


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """What clients may take; times in seconds. `open_addresses` are not counted: proxies in front of us."""

    head_time: float = 30.0  # from the first byte of a head (or the connection's begin) to its last
    keepalive: float = 75.0
    body_idle: float = 60.0  # without a byte of a body that we are ready to take
    write_stall: float = 60.0  # without a byte taken of an answer
    tunnel_idle: float = 3600.0
    linger: float = 2.0  # that a refused client gets to read why
    leftover_time: float = 30.0  # that the rest of a body may take to come when its answer is over
    last_call: float = 0.2  # that handshakes under way get to end when a drain begins
    drain_grace: float = 1.0  # that an idle connection stays open while draining
    drain_first_grace: float = 5.0  # the same for one whose first request has not come: it may be on its way
    connections: int = 16384
    connections_per_address: int = 1024
    open_addresses: frozenset[str] = frozenset({"127.0.0.1", "::1"})
    early: int = 64 * 1024  # bytes of further requests that are read while one is being answered
    leftover: int = 64 * 2**20  # bytes of a body that are thrown away behind a worker's answer; with more we close
    small_leftover: int = 256 * 1024  # the same behind an answer of our own, where a count says how many there are
    head: HeadLimits = field(default_factory=HeadLimits)
    watch: KeepAlive = field(default_factory=KeepAlive)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamLimits:
    """What the connections to workers may take."""

    connections: int = 16384
    connections_per_address: int = 8192  # how many requests a worker gets at once is decided elsewhere
    idle: float = 30.0  # seconds that a connection is kept for the next request
    interim: int = 8  # 1xx answers before the real one
    head: HeadLimits = field(default_factory=HeadLimits)
    watch: KeepAlive = field(default_factory=KeepAlive)
