"""How long a worker counts as here: heartbeats, silence, rest and failures. Pure; times are Unix seconds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from node.wire.messages import (
    Capabilities,
    Endpoints,
    HeartbeatRequest,
    RegisterRequest,
    Route,
    ServiceReport,
    WorkerRecord,
)

MOST_RELAYS = 2  # that a record names
Liveness = Literal["active", "stale", "forgotten"]


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds of silence after which a worker is stale, and after which it is forgotten."""

    stale: float
    forgotten: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A registered worker as it was heard of last; `endpoints` are checked, `claimed` are its own words."""

    worker_id: str
    capabilities: Capabilities
    endpoints: Endpoints
    claimed: Endpoints
    registered_at: float
    last_seen: float
    load: float = 0.0
    memory_free: float = 1.0  # share of its memory; 1 where it does not say
    in_flight: int = 0
    services: tuple[ServiceReport, ...] = ()
    paused: bool = False
    unwanted: tuple[str, ...] = ()  # services that its volunteer does not want to run there now
    site: str = ""  # the household that it speaks from, where that is known
    failed: bool = False  # a request to it failed since its last heartbeat
    relays: tuple[str, ...] = ()  # ourselves, while it opens connections to us when it is asked
    told_relays: tuple[str, ...] = ()  # other coordinators of which it says that it does so for them
    blocklist_version: int = 0  # of the list that it has; 0 for none

    @property
    def running(self) -> tuple[str, ...]:
        """The services that it says it runs and that may get requests."""
        if self.paused:
            return ()
        return tuple(report.name for report in self.services if report.state == "running")

    @property
    def route(self) -> Route:
        """The way by which requests reach it first."""
        if self.endpoints.vpn_ip:
            return "vpn"
        if self.endpoints.direct_hosts:
            return "direct"
        if self.relays or self.told_relays:
            return "relay"
        return "tunnel" if self.endpoints.tunnel_url else "direct"

    def record(self) -> WorkerRecord:
        """Return the worker as routers know it."""
        return WorkerRecord(
            worker_id=self.worker_id,
            endpoints=self.endpoints,
            services=self.running,
            capabilities=self.capabilities,
            load=self.load,
            in_flight=self.in_flight,
            last_seen=self.last_seen,
            relays=(*self.relays, *self.told_relays)[:MOST_RELAYS],
        )


def registered(request: RegisterRequest, checked: Endpoints, now: float, site: str = "") -> Member:
    """Return a member that told us what it has, where it is and what it runs; `site` is its household.

    It may be a node that has just started again, so that what it reported before says nothing.
    """
    return Member(
        worker_id=request.worker_id,
        capabilities=request.capabilities,
        endpoints=checked,
        claimed=request.endpoints,
        registered_at=now,
        last_seen=now,
        services=request.services,
        site=site,
        told_relays=request.relays,
        blocklist_version=request.blocklist_version,
    )


def heard(member: Member, request: HeartbeatRequest, now: float) -> Member:
    """Return the member after a heartbeat, which also wipes out an earlier failure."""
    return replace(
        member,
        last_seen=now,
        load=request.load,
        memory_free=request.memory_free,
        in_flight=request.in_flight,
        services=request.services,
        paused=request.paused,
        unwanted=request.unwanted,
        failed=False,
        told_relays=request.relays,
        blocklist_version=request.blocklist_version,
    )


def failed(member: Member) -> Member:
    """Return the member after a request to it failed."""
    return replace(member, failed=True)


def loaded(member: Member, load: float) -> Member:
    """Return the member with the load that an answer of it told."""
    return replace(member, load=min(1.0, max(0.0, load)))


def clock_set(member: Member, by: float, now: float) -> Member:
    """Return the member after the clock was set by so many seconds, as long silent as before."""
    if by < 0 and member.last_seen <= now:  # it was heard of since then
        return member
    return replace(member, last_seen=min(now, member.last_seen + by))


def liveness(member: Member, now: float, patience: Patience) -> Liveness:
    """Say what the silence since the last heartbeat means; a clock that stepped back means nothing."""
    silence = now - member.last_seen
    if silence >= patience.forgotten:
        return "forgotten"
    return "stale" if silence >= patience.stale else "active"
