"""Makes one picture of the mesh from what a coordinator told, from our own peers and from ourselves. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from node.mesh_view import told as t
from node.mesh_view.values import (
    CoordinatorStatus,
    MeshCoordinator,
    MeshLink,
    MeshView,
    MeshWorker,
    Source,
    WorkerStatus,
)
from node.state import NodeState, Peer, Phase

OWN_STATUS: Mapping[Phase, WorkerStatus] = {
    "online": "active",
    "degraded": "active",
    "paused": "paused",
    "draining": "draining",
    "stopped": "offline",
}


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What came from a coordinator: what it said, when last, whether we listen to it now, and if not why."""

    told: t.Told | None = None
    at: float | None = None
    live: bool = False
    trouble: str = ""


def draw(
    state: NodeState,
    peers: Sequence[Peer] = (),
    heard: Heard | None = None,
    *,
    rates: Mapping[str, float] | None = None,
    round_trips: Mapping[str, float] | None = None,
) -> MeshView:
    """Return the mesh as it is known; `rates` are requests per second by worker, `round_trips` ms by coordinator.

    What a coordinator said counts for who is there and how it is, what we know ourselves for how we reach it.
    """
    if state.membership is None:
        return MeshView()
    heard, rates = heard or Heard(), rates or {}
    told = heard.told or t.Told()
    own_id = state.membership.worker_id
    known = {peer.worker_id: peer for peer in peers if peer.worker_id != own_id}
    workers = {worker_id: _worker(item, known.get(worker_id), told) for worker_id, item in told.workers.items()}
    workers |= {worker_id: _met(peer) for worker_id, peer in known.items() if worker_id not in workers}
    workers[own_id] = _own(state, told.workers.get(own_id))
    links = _coordinator_links(told, workers) | _own_links(own_id, known, rates)
    return MeshView(
        own_id=own_id,
        source=_source(heard),
        told_at=None if heard.live else heard.at,
        trouble="" if heard.live else heard.trouble,
        coordinators=_coordinators(state, told, heard, round_trips or {}),
        workers=tuple(workers[worker_id] for worker_id in sorted(workers)),
        links=tuple(links[key] for key in sorted(links)),
    )


def _source(heard: Heard) -> Source:
    if heard.told is None:
        return "peers"
    return "coordinator" if heard.live else "earlier"


def _worker(item: t.ToldWorker, peer: Peer | None, told: t.Told) -> MeshWorker:
    return MeshWorker(
        id=item.id,
        type=t.TYPES.get(item.type),
        coordinator=item.coordinator,
        services=item.services,
        status=t.STATUSES.get(item.status, "unknown"),
        load=item.load,
        in_flight=item.in_flight,
        last_seen=round(item.last_seen - told.ahead, 1) if item.last_seen > 0 else 0.0,
        route=peer.route if peer else None,
        tunnel=peer.tunnel if peer else None,
        trying=peer.trying if peer else None,
        rtt_ms=peer.rtt_ms if peer else None,
    )


def _met(peer: Peer) -> MeshWorker:
    return MeshWorker(
        id=peer.worker_id,
        services=peer.services,
        status="met",
        load=peer.load,
        last_seen=round(peer.last_seen, 1),
        route=peer.route,
        tunnel=peer.tunnel,
        trying=peer.trying,
        rtt_ms=peer.rtt_ms,
    )


def _own(state: NodeState, told: t.ToldWorker | None) -> MeshWorker:
    """Return this machine: of itself it knows more than anybody else."""
    status = OWN_STATUS.get(state.phase, "unknown")
    if told is not None and status == "active":
        status = t.STATUSES.get(told.status, status)  # an operator may drain us, say
    return MeshWorker(
        id=state.worker_id or "",
        name=state.name,
        type=state.capabilities.worker_type,
        coordinator=told.coordinator if told else "",
        services=tuple(report.name for report in state.services if report.state == "running"),
        status=status,
        load=state.load,
        in_flight=state.in_flight,
        route="local",
    )


def _coordinators(
    state: NodeState, told: t.Told, heard: Heard, round_trips: Mapping[str, float]
) -> tuple[MeshCoordinator, ...]:
    """Return those that are told of and those that we know, ours among them."""
    infos = {info.id: info for info in state.membership.coordinators} if state.membership else {}
    found = []
    for name in sorted({*told.coordinators, *infos}):
        said, info = told.coordinators.get(name) or t.ToldCoordinator(id=name), infos.get(name)
        ours = info is not None and info.url == state.coordinator
        found.append(
            MeshCoordinator(
                id=name,
                url=info.url if info else said.url or "",
                location=said.location,
                workers=said.workers,
                load=said.load,
                status=_coordinator_status(said, ours=ours, live=heard.live, answers=state.coordinator_ok),
                rtt_ms=round_trips.get(name),
                ours=ours,
            )
        )
    return tuple(found)


def _coordinator_status(said: t.ToldCoordinator, *, ours: bool, live: bool, answers: bool) -> CoordinatorStatus:
    if live:
        return t.COORDINATOR_STATUSES.get(said.status, "unknown")
    if not ours:
        return "unknown"
    return "active" if answers else "unreachable"


def _coordinator_links(told: t.Told, workers: Mapping[str, MeshWorker]) -> dict[str, MeshLink]:
    return {
        key: MeshLink(
            source=link.source,
            target=link.target,
            route=t.ROUTES.get(link.route, "direct"),
            in_flight=workers[link.target].in_flight,
        )
        for key, link in told.links.items()
        if link.target in workers
    }


def _own_links(own_id: str, peers: Mapping[str, Peer], rates: Mapping[str, float]) -> dict[str, MeshLink]:
    links = (
        MeshLink(source=own_id, target=worker_id, route=peer.route, rate=rates.get(worker_id, 0.0))
        for worker_id, peer in peers.items()
    )
    return {link.key: link for link in links}
