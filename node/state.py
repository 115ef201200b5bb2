"""What a node is at one moment: immutable values that the machine returns and every view is drawn from."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from node.rules.caps import CapReport
from node.rules.settings import Rules, Scope
from node.rules.verdict import RuleCode, Verdict
from node.wire.credentials import Trust
from node.wire.manifests import Catalogue, DataClass
from node.wire.mesh_keys import KeyChain
from node.wire.messages import Assignment, Capabilities, CoordinatorInfo, Endpoints, Route, ServiceReport

Phase = Literal["unenrolled", "joining", "online", "degraded", "paused", "draining", "stopped"]
VpnPhase = Literal[
    "off", "no-permission", "starting", "direct", "relayed", "no-udp", "expired", "revoked", "conflict", "failed"
]
CARRYING: frozenset[VpnPhase] = frozenset({"direct", "relayed"})  # others are reached through it then
ReasonCode = Literal[
    RuleCode,
    "not-enrolled",
    "enrolling",
    "enrolment-delayed",
    "enrolment-failed",
    "registering",
    "coordinator-unreachable",
    "coordinator-refused",
    "nothing-assigned",
    "waiting-for-approval",
    "on-probation",
    "service-failed",
    "draining",
    "stopping",
    "insecure-coordinator",
    "key-in-file",
    "vpn-no-permission",
    "vpn-no-udp",
    "vpn-expired",
    "vpn-revoked",
    "vpn-conflict",
    "vpn-failed",
    "vpn-not-renewed",
    "vpn-no-listener",
]


class Reason(msgspec.Struct, frozen=True):
    """Why the node is in its phase: a stable code, a sentence for people, and when it ends (Unix s, if known)."""

    code: ReasonCode
    text: str
    until: float | None = None


class Measured(msgspec.Struct, frozen=True):
    """How near a coordinator is, smoothed over several looks (ms), and how many requests wait there."""

    id: str
    latency_ms: float
    queue: int = 0


class Membership(msgspec.Struct, frozen=True, kw_only=True):
    """What enrolment gave: who this worker is and whom it may believe. Kept on disk; holds no secret key."""

    worker_id: str
    mesh_public_key: str  # the founding key of the mesh
    credential: str
    trust: Trust
    coordinators: tuple[CoordinatorInfo, ...]  # the one that enrolled us first
    mesh_chain: KeyChain | None = None  # the keys that have followed on it
    name: str = ""  # what it goes by there; kept by no node before this was asked for


class VpnStatus(msgspec.Struct, frozen=True):
    """The overlay network's state, this node's address in it, and what is so and what to do, in sentences."""

    state: VpnPhase = "off"
    ip: str | None = None
    text: str = ""

    @property
    def carries(self) -> bool:
        """Whether others are reached through it now."""
        return self.state in CARRYING


class ChannelStatus(msgspec.Struct, frozen=True):
    """Whether the coordinator can tell us at once what has changed, and if not why, in a sentence.

    Of the second channel: whether the coordinator at that URL can ask us for relay connections.
    """

    open: bool = False
    detail: str = ""
    url: str = ""


TunnelKind = Literal["none", "own", "token", "managed", "quick"]
TunnelPhase = Literal["off", "starting", "up", "down", "rate-limited", "refused", "failed"]


class TunnelStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A public address that leads to this node from outside, and how it is; `url` is set only while it does.

    `own` is one that somebody else serves, the others are cloudflared's. Text and hint are sentences.
    """

    kind: TunnelKind = "none"
    state: TunnelPhase = "off"
    url: str | None = None
    text: str = ""
    hint: str = ""


class RoutingStats(msgspec.Struct, frozen=True, kw_only=True):
    """Counters since start under the names of SPEC §6; latencies are milliseconds over the last requests."""

    local_requests: int = 0
    forwarded_requests: int = 0
    cache_hits: int = 0
    cache_misses: int = 0
    dht_lookups: int = 0
    failed_requests: int = 0
    cache_size: int = 0
    cache_hit_rate: float = 0.0
    retries: int = 0
    failovers: int = 0
    hedged: int = 0  # requests that a second worker was asked as well, because the first took long
    hedge_wins: int = 0  # and where the second one's answer was taken
    requests_by_route: dict[Route, int] = {}
    latency_ms: dict[Literal["p50", "p95", "p99"], float] = {}


class NodeStats(RoutingStats, frozen=True, kw_only=True):
    """What `/stats` tells: the router's counters, and under `dht` what the DHT node counts; None outside a mesh."""

    dht: dict[str, Any] | None = None


BetterWay = Route | Literal["vpn-direct"]


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """Another worker that this node knows, the route it would take to it and the round trip (ms, when measured).

    `tunnel` tells how the overlay leads there, where it has a tunnel to it now. `trying` is a better way than the
    one in use that is being tried, or tried again soon; "vpn-direct" is one in the overlay without a coordinator.
    """

    worker_id: str
    route: Route
    address: str
    services: tuple[str, ...] = ()
    load: float = 0.0
    rtt_ms: float | None = None
    last_seen: float = 0.0
    tunnel: Literal["direct", "relayed"] | None = None
    trying: BetterWay | None = None


class AskedSource(msgspec.Struct, frozen=True, kw_only=True):
    """A source of candidates that a lookup asked: how many it found, or why it could not be asked."""

    name: Literal["dht", "registry"]
    found: int = 0
    error: str = ""


class LookupReport(msgspec.Struct, frozen=True, kw_only=True):
    """Where the candidates come from; times are seconds. `age` is None while nothing was ever looked up."""

    cached: bool  # they were known already; else they were looked up for this explanation
    age: float | None = None
    fresh_for: float = 0.0  # how long requests go on using them as they are
    stale_for: float = 0.0  # and how long after that, while they are looked up again
    asked: tuple[AskedSource, ...] = ()


class Until(msgspec.Struct, frozen=True, kw_only=True):
    """When something ends: seconds from now, and the time of day (ISO 8601, UTC)."""

    seconds: float
    at: str


CandidateState = Literal["ready", "full", "broken", "half-open", "shunned", "not-vetted", "address-avoided"]


class CandidateReport(msgspec.Struct, frozen=True, kw_only=True):
    """One worker that offers a service, as the router sees it now."""

    worker_id: str
    state: CandidateState
    reason: str
    chance: float = 0.0  # to be asked first by the next request that is not served here, in per cent
    until: Until | None = None
    route: Route | None = None
    address: str = ""
    source: Literal["dht", "registry"] = "dht"
    load: float = 0.0  # as it was told last
    load_age: float = 0.0  # seconds
    outstanding: int = 0  # our own requests in flight there
    score: float = 0.0  # the load that counts: the larger of both


class HereReport(msgspec.Struct, frozen=True, kw_only=True):
    """Whether this machine runs a service, and would serve the next request itself."""

    runs: bool
    serves: bool
    reason: str


class BreakerReport(msgspec.Struct, frozen=True, kw_only=True):
    """A worker that failed too often in a row to be asked as usual, and its last failure."""

    worker_id: str
    state: Literal["open", "half-open"]
    until: Until
    failures: int
    last_failure: str


class QueueReport(msgspec.Struct, frozen=True, kw_only=True):
    """The places for requests to other workers: how many there are and are taken, and who waits for one."""

    limit: int
    in_flight: int
    waiting: int
    most_waiting: int


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Who would get the next request for a service, and why: what `rma-mesh-node explain` shows."""

    service: str
    data_class: DataClass
    vetted_only: bool
    policy: str
    here: HereReport
    lookup: LookupReport
    candidates: tuple[CandidateReport, ...]
    picked: str | None  # the worker that is picked, or likeliest to be
    verdict: str
    breakers: tuple[BreakerReport, ...]
    queue: QueueReport


class NodeState(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a view may show. Only `machine.handle` makes a new one."""

    phase: Phase = "unenrolled"
    reasons: tuple[Reason, ...] = ()
    name: str = ""
    version: str = ""
    url: str = ""
    endpoints: Endpoints | None = None
    membership: Membership | None = None
    enrolling: bool = False
    enrolment_error: str = ""
    enrolment_delay: str = ""  # why the coordinator lets nobody in for the moment ...
    enrolment_again_at: float | None = None  # ... and when it is asked again (Unix seconds)
    coordinator: str | None = None  # the URL in use or tried last
    coordinator_ok: bool = False
    coordinator_error: str = ""
    coordinator_refused: bool = False
    registered: bool = False
    channel: ChannelStatus = ChannelStatus()
    second_channel: ChannelStatus | None = None  # None while there is no second coordinator for one
    failures: int = 0  # consecutive failures to reach a coordinator
    measured: tuple[Measured, ...] = ()  # coordinators that answered when we looked at them
    outweighed: int = 0  # looks in a row that found a coordinator which is much better than the one in use
    failing: tuple[str, ...] = ()  # URLs of coordinators that gave no useful answer when they were asked last
    assignment: Assignment | None = None
    catalogue: Catalogue = Catalogue()
    services: tuple[ServiceReport, ...] = ()
    capabilities: Capabilities = Capabilities()
    vpn: VpnStatus = VpnStatus()
    vpn_renewal_error: str = ""  # why the last question for a place in the overlay was in vain
    tunnel: TunnelStatus = TunnelStatus()
    expelled: bool = False  # a coordinator said that the mesh has put us out
    vpn_listen_error: str = ""  # why nothing of ours listens at the overlay's address
    dht_contacts: int = 0
    load: float = 0.0
    memory_free: float = 1.0  # share of the memory that programs may still have
    in_flight: int = 0
    draining: bool = False
    stopping: bool = False
    leaving: bool = False
    left: Literal["", "told", "untold"] = ""  # the mesh, since it was joined last; whether a coordinator heard it
    paused: bool = False
    snoozed_until: float | None = None
    gpu_paused: bool = False  # the volunteer lets only what uses no GPU run ...
    gpu_snoozed_until: float | None = None  # ... until then, or without an end
    rules: Rules = Rules()
    ruled: Verdict = Verdict()  # what follows from the rules alone
    verdict: Verdict = Verdict()  # what rests now by the rules and by what the volunteer asked for, and why
    caps: tuple[CapReport, ...] = ()  # how the caps of the rules are kept here; empty where nothing keeps them
    key_in_file: bool = False  # the identity key is in a file, because the system has no keyring

    @property
    def worker_id(self) -> str | None:
        return self.membership.worker_id if self.membership else None

    @property
    def rest(self) -> Scope:
        """What rests, as the volunteer asked or a rule says."""
        if self.paused or self.ruled.rest == "all" or not self.rules.mesh_on:
            return "all"
        return "gpu" if self.gpu_paused or self.ruled.rest == "gpu" else "none"

    @property
    def offline(self) -> bool:
        """Whether the volunteer has switched the mesh off, and what was under way then has ended."""
        return not self.rules.mesh_on and not self.draining


class View(msgspec.Struct, frozen=True, kw_only=True):
    """One message of the control stream: the state, the routing counters and the peers, with a sequence number.

    `noted` is the number of the newest entry of the activity log.
    """

    sequence: int
    state: NodeState
    stats: RoutingStats = RoutingStats()
    peers: tuple[Peer, ...] = ()
    noted: int = 0
