"""The picture of the mesh and the messages in which the control API tells it; times are Unix seconds."""

from __future__ import annotations

from typing import Literal

import msgspec

from node.state import BetterWay
from node.wire.messages import Route, WorkerType

# `met`: we know it ourselves, and no coordinator says anything of it.
WorkerStatus = Literal["active", "stale", "draining", "paused", "revoked", "offline", "met", "unknown"]
CoordinatorStatus = Literal["active", "starting", "draining", "stale", "unreachable", "unknown"]
# Where the picture comes from: what a coordinator says now, what it said last, or nobody but our own peers.
Source = Literal["coordinator", "earlier", "peers"]


class MeshCoordinator(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A coordinator of the mesh; `ours` is the one that this node talks to."""

    id: str
    url: str = ""
    location: str = ""
    workers: int = 0
    load: float = 0.0
    status: CoordinatorStatus = "unknown"
    rtt_ms: float | None = None
    ours: bool = False


class MeshWorker(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A worker of the mesh; only this machine has a name, since others' are nobody's business.

    `route`, `tunnel`, `trying` and `rtt_ms` say how this node reaches it; there is no route where it never did.
    """

    id: str
    name: str = ""
    type: WorkerType | None = None
    coordinator: str = ""
    services: tuple[str, ...] = ()
    status: WorkerStatus = "unknown"
    load: float = 0.0
    in_flight: int = 0
    last_seen: float = 0.0
    route: Route | None = None
    tunnel: Literal["direct", "relayed"] | None = None
    trying: BetterWay | None = None
    rtt_ms: float | None = None


class MeshLink(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A way from a coordinator or from this machine to a worker.

    `rate` is our own requests per second on it, `in_flight` what the worker is working on for its coordinator.
    """

    source: str
    target: str
    route: Route = "direct"
    rate: float = 0.0
    in_flight: int = 0

    @property
    def key(self) -> str:
        return f"{self.source}>{self.target}"


class MeshView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The whole picture. `told_at` is when a coordinator last said something, `trouble` why it says nothing now."""

    own_id: str | None = None
    source: Source = "peers"
    told_at: float | None = None
    trouble: str = ""
    coordinators: tuple[MeshCoordinator, ...] = ()
    workers: tuple[MeshWorker, ...] = ()
    links: tuple[MeshLink, ...] = ()


class MeshSnapshot(msgspec.Struct, frozen=True, kw_only=True, tag="snapshot"):
    """The first message of a stream."""

    sequence: int
    view: MeshView


class MeshChange(msgspec.Struct, frozen=True, kw_only=True, tag="change", omit_defaults=True):
    """Every further message; its sequence is one more than that before, else fetch all again.

    What is changed or new, the ids (of links `source>target`) of what has gone, and all that is one value.
    """

    sequence: int
    own_id: str | None = None
    source: Source = "peers"
    told_at: float | None = None
    trouble: str = ""
    coordinators: tuple[MeshCoordinator, ...] = ()
    workers: tuple[MeshWorker, ...] = ()
    links: tuple[MeshLink, ...] = ()
    gone_coordinators: tuple[str, ...] = ()
    gone_workers: tuple[str, ...] = ()
    gone_links: tuple[str, ...] = ()


MeshMessage = MeshSnapshot | MeshChange
