"""Draws the parts of the mesh as all may see them: no address, and no name that a volunteer gave a machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from coordinator_server.api.shapes import TopologyCoordinator, TopologyLink, TopologyService, TopologyWorker
from coordinator_server.api.tally import Tally
from coordinator_server.application import Coordinator
from coordinator_server.fleet.presence import Serving, Status
from coordinator_server.fleet.roster import Live
from coordinator_server.registry.membership import Member
from coordinator_server.registry.plans import Shortage
from node.wire.manifests import Manifest


def draw_worker(coordinator: Coordinator, worker_id: str) -> TopologyWorker | None:
    """Return a worker as it is now, if it is there; one that talks to others is as they tell."""
    roster, member = coordinator.together.roster, coordinator.registry.member(worker_id)
    if member is not None:
        return _own_worker(coordinator, member)
    live = roster.live.get(worker_id) if coordinator.everybody.together else None
    return _far_worker(coordinator, live) if live is not None and live.row.run != roster.own_run else None


def draw_link(worker: TopologyWorker) -> TopologyLink:
    """Return how a worker is reached by the coordinator that it talks to."""
    return TopologyLink(source=worker.coordinator, target=worker.id, route=worker.route)


def draw_coordinators(coordinator: Coordinator, tally: Tally) -> Iterator[TopologyCoordinator]:
    """Yield ourselves and those that share our store; who does not tell of its workers is as it said last."""
    fleet, telling = coordinator.fleet, set(coordinator.together.roster.runs.values())
    yield _ourselves(coordinator, tally)
    states: tuple[tuple[Status, Sequence[Serving]], ...] = (("active", fleet.alive()), ("stale", fleet.silent()))
    for status, found in states:
        for said in found:
            count, load = tally.share(said.info.id)
            if status == "active" and said.info.id not in telling:
                count, load = said.workers, said.load
            yield TopologyCoordinator(
                id=said.info.id,
                url=said.info.url,
                location=said.info.location,
                workers=count,
                load=load,
                status=status,
            )


def draw_services(coordinator: Coordinator, tally: Tally) -> Iterator[TopologyService]:
    """Yield the services of the catalogue, and of those that lack workers why."""
    shortages = {shortage.service: shortage for shortage in coordinator.planning.shortages()}
    for manifest in coordinator.catalogue.manifests:
        yield _service(manifest, tally.running(manifest.name), shortages.get(manifest.name))


def _ourselves(coordinator: Coordinator, tally: Tally) -> TopologyCoordinator:
    readiness = coordinator.readiness
    count, load = tally.share(coordinator.coordinator_id)
    return TopologyCoordinator(
        id=coordinator.coordinator_id,
        url=coordinator.info.url,
        location=coordinator.info.location,
        workers=count,
        load=load,
        status="draining" if readiness.draining else "active" if readiness.ready else "starting",
    )


def _own_worker(coordinator: Coordinator, member: Member) -> TopologyWorker:
    return TopologyWorker(
        id=member.worker_id,
        type=member.capabilities.worker_type,
        coordinator=coordinator.coordinator_id,
        services=member.running,
        status=coordinator.registry.status(member),
        load=round(member.load, 3),
        in_flight=member.in_flight,
        route=member.route,
        last_seen=round(member.last_seen, 1),
    )


def _far_worker(coordinator: Coordinator, live: Live) -> TopologyWorker:
    """Draw a worker that talks to another; when it did that last only that one knows."""
    member = live.member
    return TopologyWorker(
        id=member.worker_id,
        type=member.capabilities.worker_type,
        coordinator=live.row.owner,
        services=member.running,
        status=coordinator.everybody.status(member),
        load=round(member.load, 3),
        route=live.row.facts.route,
    )


def why_fewer(manifest: Manifest, running: int, shortage: Shortage | None) -> str:
    """Return why fewer machines run a service than wanted, those that have yet to start it first."""
    if running >= manifest.replicas:
        return ""
    if shortage is None:
        return "The workers that it was given to have not started it yet, or are expected back."
    yet = shortage.assigned - running
    if yet <= 0:
        return shortage.reason
    told = "1 machine was given it and does" if yet == 1 else f"{yet} machines were given it and do"
    return f"{told} not run it yet. {shortage.reason}"


def _service(manifest: Manifest, workers: tuple[str, ...], shortage: Shortage | None) -> TopologyService:
    reason = why_fewer(manifest, len(workers), shortage)
    return TopologyService(
        name=manifest.name,
        title=manifest.title,
        aliases=manifest.aliases,
        tier=manifest.tier,
        wanted=manifest.replicas,
        healthy=len(workers),
        workers=workers,
        reason=reason,
    )
