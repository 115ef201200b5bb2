"""What the public and the admin API answer and take, field by field; the OpenAPI document is made from these.

Times are Unix seconds unless a name says otherwise; loads run from 0.0 to 1.0.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from node.wire.credentials import Name, Trust
from node.wire.manifests import ServiceName
from node.wire.mesh_keys import Phase
from node.wire.messages import Capabilities, Count, Endpoints, Route, ServiceReport, WorkerType

Status = Literal["active", "stale", "draining", "paused", "pending", "revoked", "offline"]
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
ServiceList = Annotated[tuple[ServiceName, ...], msgspec.Meta(max_length=64)]
Seconds = Annotated[int, msgspec.Meta(ge=1, le=316_224_000)]


class WorkerCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How many workers are registered, and how many of them are heard from."""

    total: int = 0
    active: int = 0
    stale: int = 0


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """200 of GET /health; `coordinator` is this coordinator's id."""

    status: Literal["ok", "starting", "draining"]
    coordinator: Name
    version: str
    workers: WorkerCounts
    services: int
    uptime_seconds: float
    timestamp: float


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """200 of GET /ready; while starting or draining it is a 503 problem."""

    status: Literal["ready"] = "ready"
    coordinator: Name
    queue: Count = 0  # requests that wait for a worker


class EntryPoint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A worker that takes frontend requests directly; `insecure` is there where they are not encrypted."""

    worker_id: Name
    access_url: str
    services: tuple[ServiceName, ...]
    insecure: bool = False


class EntryPoints(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """GET /entry-points; `error` is there when the list is empty."""

    entry_points: list[EntryPoint]
    count: int
    timestamp: float
    error: str | None = None


class TopologyCoordinator(msgspec.Struct, frozen=True, kw_only=True):
    """One coordinator of the mesh and how many workers it has."""

    id: Name
    url: str
    location: str = ""
    workers: int = 0
    load: float = 0.0
    status: Literal["active", "starting", "draining", "stale"] = "active"


class TopologyWorker(msgspec.Struct, frozen=True, kw_only=True, gc=False):  # there are many, and no cycles
    """One worker as everybody may see it: no address, no name that its volunteer gave."""

    id: Name
    type: WorkerType
    coordinator: Name
    services: tuple[ServiceName, ...] = ()
    status: Status = "active"
    load: float = 0.0
    in_flight: int = 0
    route: Route = "direct"
    last_seen: float = 0.0


class TopologyService(msgspec.Struct, frozen=True, kw_only=True):
    """One service of the catalogue, its healthy workers and what is missing."""

    name: ServiceName
    title: str
    aliases: tuple[ServiceName, ...] = ()
    tier: str = "cpu"
    wanted: int = 0
    healthy: int = 0
    workers: tuple[Name, ...] = ()
    reason: str = ""


class TopologyLink(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How a coordinator reaches a worker."""

    source: Name
    target: Name
    route: Route = "direct"


class Topology(msgspec.Struct, frozen=True, kw_only=True):
    """GET /api/topology, and the snapshot of its stream."""

    coordinator: Name
    version: str
    sequence: int
    timestamp: float
    coordinators: tuple[TopologyCoordinator, ...] = ()
    workers: tuple[TopologyWorker, ...] = ()
    services: tuple[TopologyService, ...] = ()
    links: tuple[TopologyLink, ...] = ()


class TopologyChange(msgspec.Struct, frozen=True, kw_only=True):
    """What is new or different since the message before, and the keys of what is gone."""

    coordinators: tuple[TopologyCoordinator, ...] = ()
    workers: tuple[TopologyWorker, ...] = ()
    services: tuple[TopologyService, ...] = ()
    links: tuple[TopologyLink, ...] = ()


class TopologyRemoval(msgspec.Struct, frozen=True, kw_only=True):
    """Ids of coordinators and workers, names of services, `source>target` of links."""

    coordinators: tuple[str, ...] = ()
    workers: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    links: tuple[str, ...] = ()


class TopologySnapshot(msgspec.Struct, frozen=True, kw_only=True, tag="snapshot"):
    """The first message of /api/topology/stream."""

    sequence: int
    timestamp: float
    topology: Topology


class TopologyDelta(msgspec.Struct, frozen=True, kw_only=True, tag="delta"):
    """Every further message; its sequence is one more than that before, else connect again."""

    sequence: int
    timestamp: float
    changed: TopologyChange
    removed: TopologyRemoval

    @property
    def is_empty(self) -> bool:
        """True for a mere sign of life."""
        return self.changed == TopologyChange() and self.removed == TopologyRemoval()


class ProbationView(msgspec.Struct, frozen=True, kw_only=True):
    """A service for which a worker is asked only where nobody else can be; if suspected, until it is pardoned."""

    service: ServiceName
    since: float
    reason: str
    suspected: bool = False


class AdminWorker(msgspec.Struct, frozen=True, kw_only=True):
    """One enrolled machine with all that the operator may know."""

    worker_id: Name
    name: str
    status: Status
    trust: Trust
    type: WorkerType
    services: tuple[ServiceName, ...] = ()
    assigned: tuple[ServiceName, ...] = ()
    reports: tuple[ServiceReport, ...] = ()
    coordinator: str = ""  # that it talks to, and which knows when it was seen last and where
    load: float = 0.0
    in_flight: int = 0
    last_seen: float | None = None
    enrolled_at: float | None = None
    address: str = ""  # where it was enrolled from
    vpn_ip: str = ""  # its address in the overlay
    certificate_expires_at: float | None = None
    allowed: tuple[ServiceName, ...] = ()  # what its invite covers; none means all
    detail: str = ""  # why it has nothing to do
    probation: tuple[ProbationView, ...] = ()
    endpoints: Endpoints | None = None
    capabilities: Capabilities | None = None


class ApproveWish(msgspec.Struct, frozen=True, kw_only=True):
    """POST /api/admin/workers/{id}/approve; without a trust a machine that waits is let in as its invite says."""

    trust: Trust | None = None


class RevokeWish(msgspec.Struct, frozen=True, kw_only=True):
    """POST /api/admin/workers/{id}/revoke; `unknown` puts out an id of which nothing is known here, too."""

    unknown: bool = False


class AdminWorkers(msgspec.Struct, frozen=True, kw_only=True):
    """GET /api/admin/workers."""

    workers: list[AdminWorker]
    count: int


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """An action on one thing was carried out."""

    id: str
    status: str


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """A service with fewer running workers than wanted, and why."""

    service: ServiceName
    wanted: int
    running: int
    reason: str


class Gaps(msgspec.Struct, frozen=True, kw_only=True):
    """GET /api/admin/gaps."""

    gaps: list[Gap]
    message: str


class PlannedMove(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that assignment would change, and why."""

    worker_id: Name
    service: ServiceName
    action: Literal["start", "stop"]
    reason: str


class PlannedHandover(msgspec.Struct, frozen=True, kw_only=True):
    """A service that one worker serves until another does: `target`, or whoever has it where that is empty."""

    service: ServiceName
    source: Name
    target: str = ""
    started_at: float
    reason: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """GET /api/admin/plan; `waiting` are starts for which a worker has to hand something over first."""

    moves: list[PlannedMove]
    handovers: list[PlannedHandover] = []
    waiting: list[PlannedMove] = []
    message: str


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the audit log."""

    id: int
    time: float
    actor: str
    action: str
    subject: str
    detail: str = ""
    address: str = ""
    outcome: Literal["done", "refused"] = "done"


class AuditLog(msgspec.Struct, frozen=True, kw_only=True):
    """GET /api/admin/audit, the newest last."""

    audit: list[AuditEntry]


class InviteWish(msgspec.Struct, frozen=True, kw_only=True):
    """POST /api/admin/invites."""

    uses: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 1
    expires_in: Seconds = 86400
    trust: Trust = "volunteer"
    services: ServiceList = ()


class NewInvite(msgspec.Struct, frozen=True, kw_only=True):
    """201 of POST /api/admin/invites: the only time that code and link are shown."""

    id: str
    code: str
    link: str
    expires_at: float
    uses: int
    trust: Trust
    services: tuple[ServiceName, ...] = ()


class InviteView(msgspec.Struct, frozen=True, kw_only=True):
    """An invite as it is listed."""

    id: str
    status: Literal["open", "spent", "expired", "revoked"]
    uses: int
    used: int
    expires_at: float
    trust: Trust
    services: tuple[ServiceName, ...] = ()


class Invites(msgspec.Struct, frozen=True, kw_only=True):
    """GET /api/admin/invites."""

    invites: list[InviteView]


class KeyWish(msgspec.Struct, frozen=True, kw_only=True):
    """POST /api/admin/keys; no services means all of them."""

    name: Label
    services: ServiceList = ()
    rate: Annotated[str, msgspec.Meta(max_length=40)] = ""  # empty takes the coordinator's default
    expires_in: Seconds | None = None


class KeyView(msgspec.Struct, frozen=True, kw_only=True):
    """An API key as it is listed: never with its secret."""

    id: str
    name: str
    status: Literal["active", "expired"]
    services: tuple[ServiceName, ...] = ()
    rate: str = ""
    created_at: float = 0.0
    expires_at: float | None = None
    last_used_at: float | None = None
    last_used_from: str = ""  # the household: an IPv4 address, or the /64 network of an IPv6 address


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """201 of POST /api/admin/keys: the only time that the key is shown."""

    id: str
    key: str
    name: str
    services: tuple[ServiceName, ...] = ()
    rate: str = ""
    expires_at: float | None = None


class TokenWish(msgspec.Struct, frozen=True, kw_only=True):
    """POST /api/admin/token/rotate; the token before counts for `grace` seconds more."""

    grace: Annotated[int, msgspec.Meta(ge=0, le=604_800)] = 0


class NewToken(msgspec.Struct, frozen=True, kw_only=True):
    """201 of POST /api/admin/token/rotate: the only time that the token is shown."""

    token: str
    grace_until: float | None = None  # until when the one before counts


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """GET /api/admin/keys."""

    keys: list[KeyView]


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at: whether it works, what was found and what to do."""

    name: str
    ok: bool
    detail: str
    hint: str = ""


class Doctor(msgspec.Struct, frozen=True, kw_only=True):
    """GET /api/admin/doctor."""

    ok: bool
    checks: list[Check]


class AuthorityView(msgspec.Struct, frozen=True, kw_only=True):
    """One authority of the overlay; its fingerprint is that of `nebula-cert print`."""

    fingerprint: str
    expires_at: float
    signs: bool


class OverlayStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The overlay network; `rotation` is steady, or the step at which a rotation of the authority is."""

    network: str
    members: int  # with a certificate that is still good
    lighthouses: int
    rotation: Phase
    rotation_since: float
    waiting: int  # members for whom the rotation waits, some of which are named
    waiting_for: tuple[str, ...]
    authorities: tuple[AuthorityView, ...]
    state: str = "off"  # of this coordinator's own Nebula
    detail: str = ""  # what that means, what is missing and what to do
    address: str = ""  # its own in the overlay
    port: int = 0  # UDP
    endpoints: tuple[str, ...] = ()  # where members are told to find it
    peers_direct: int = 0  # members with a tunnel to it
    peers_relayed: int = 0


class MeshKeyView(msgspec.Struct, frozen=True, kw_only=True):
    """A key of the mesh that is accepted now; invites that are made while it signs carry its fingerprint."""

    number: int
    fingerprint: str
    signs: bool


class MeshKeysStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The keys that sign for the mesh; `rotation` is steady, or the step at which a rotation is."""

    rotation: Phase
    rotation_since: float
    waiting: int  # members for whom the rotation waits, some of which are named
    waiting_for: tuple[str, ...]
    keys: tuple[MeshKeyView, ...]
    lacking: str = ""  # which key this coordinator lacks, and what to do


class RotationWish(msgspec.Struct, frozen=True, kw_only=True):
    """POST /api/admin/mesh/rotate-ca and rotate-key; `force` takes a running rotation's next step at once."""

    force: bool = False


class CoordinatorStatus(msgspec.Struct, frozen=True, kw_only=True):
    """GET /api/admin/status."""

    status: str
    coordinator: Name
    version: str
    url: str
    uptime_seconds: float
    coordinators: tuple[TopologyCoordinator, ...]  # this one first, then those that share its store
    workers: WorkerCounts
    services: dict[str, int]
    gaps: int
    pending: int = 0  # machines that wait for the operator's approval
    invites_open: int
    keys: int
    requests: Count
    entry_points: int = 0
    dht: dict[str, Any]
    mesh_keys: MeshKeysStatus
    overlay: OverlayStatus | None = None  # none with --vpn off
