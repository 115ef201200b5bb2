"""Makes the picture of the mesh that everybody may see: no address, and no name that a volunteer gave a machine.

Of very many workers few change from one drawing to the next: what is drawn of the others stays the same object, by
which who compares two drawings knows it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from coordinator_server.api.shapes import (
    Gap,
    Topology,
    TopologyCoordinator,
    TopologyLink,
    TopologyService,
    TopologyWorker,
    WorkerCounts,
)
from coordinator_server.application import Coordinator
from coordinator_server.fleet.presence import Serving, Status
from coordinator_server.registry.membership import Member
from coordinator_server.registry.registry import Status as WorkerStatus
from node.wire.manifests import Manifest

LIFE = 1.0  # seconds

Seat = tuple[Member, WorkerStatus, TopologyWorker, TopologyLink]  # what one of our workers is drawn of, and how
NOBODY: Mapping[str, Seat] = {}


class Picture:
    """Hands out one drawing until something has changed or `LIFE` has passed, however many ask."""

    def __init__(self, coordinator: Coordinator, version: str) -> None:
        self._coordinator = coordinator
        self._version = version
        self._drawn: tuple[tuple[object, ...], Topology] | None = None
        self._seats = NOBODY

    def read(self) -> Topology:
        """Return the mesh as it is now; call it in the loop's thread."""
        self._coordinator.planning.plan_if_due()
        return self.look()

    def look(self) -> Topology:
        """Return the same by the last plan; may run in a thread."""
        state = self._state()
        if self._drawn is not None:
            drawn_state, topology = self._drawn
            if drawn_state == state and 0 <= self._coordinator.clock() - topology.timestamp < LIFE:
                return topology
        self._seats = seats = _take_seats(self._coordinator, self._seats)
        topology = draw(self._coordinator, self._version, seats)
        self._drawn = (state, topology)  # what has changed while it was drawn is in the next one
        return topology

    def _state(self) -> tuple[object, ...]:
        coordinator, readiness = self._coordinator, self._coordinator.readiness
        seen = (coordinator.registry.version, coordinator.planning.version, coordinator.together.roster.version)
        return (*seen, readiness.ready, readiness.draining)


def draw(coordinator: Coordinator, version: str, seats: Mapping[str, Seat] | None = None) -> Topology:
    """Return the mesh as this coordinator sees it now; the sequence is the stream's business."""
    seats = _take_seats(coordinator, NOBODY) if seats is None else seats
    ours = ((worker, link) for _, _, worker, link in seats.values())
    others = ((worker, _link(worker)) for worker in _far_workers(coordinator))
    both = sorted((*ours, *others), key=lambda one: one[0].id)
    workers = tuple(worker for worker, _ in both)
    return Topology(
        coordinator=coordinator.coordinator_id,
        version=version,
        sequence=0,
        timestamp=coordinator.clock(),
        coordinators=(_own(coordinator, workers), *_others(coordinator, workers)),
        workers=workers,
        services=_services(coordinator, healthy(workers)),
        links=tuple(link for _, link in both),
    )


def _take_seats(coordinator: Coordinator, before: Mapping[str, Seat]) -> Mapping[str, Seat]:
    """Return what is drawn of each of our workers; of whom nothing has changed it is what it was."""
    registry, found = coordinator.registry, dict[str, Seat]()
    silent_since = _silent_since(coordinator)
    for member in registry.members():
        status = "stale" if member.last_seen <= silent_since else registry.standing(member)
        seat = before.get(member.worker_id)
        if seat is None or seat[0] is not member or seat[1] != status:
            worker = _worker(coordinator, member, status)
            link = _link(worker)
            if seat is not None:
                worker, link = (worker if worker != seat[2] else seat[2]), (link if link != seat[3] else seat[3])
            seat = (member, status, worker, link)
        found[member.worker_id] = seat
    return found


def _silent_since(coordinator: Coordinator) -> float:
    """Return the Unix seconds such that who was not heard of later is stale."""
    return coordinator.clock() - coordinator.config.worker_stale


def healthy(workers: Sequence[TopologyWorker]) -> Mapping[str, Sequence[str]]:
    """Return the active workers of each service."""
    found: dict[str, list[str]] = defaultdict(list)
    for worker in workers:
        if worker.status == "active":
            for service in worker.services:
                found[service].append(worker.id)
    return found


def count_workers(coordinator: Coordinator) -> WorkerCounts:
    """Count the workers of the mesh, and those of them that are heard from."""
    registry = coordinator.registry
    far = [row.facts.stale for _, row in coordinator.everybody.far()]
    total = len(registry) + len(far)
    silent_since = _silent_since(coordinator)
    stale = sum(member.last_seen <= silent_since for member in registry.members()) + sum(far)
    return WorkerCounts(total=total, active=total - stale, stale=stale)


def find_gaps(topology: Topology) -> list[Gap]:
    """Return the services that fewer workers run than wanted, with the reason."""
    return [
        Gap(service=service.name, wanted=service.wanted, running=service.healthy, reason=service.reason)
        for service in topology.services
        if service.healthy < service.wanted
    ]


def _own(coordinator: Coordinator, workers: Sequence[TopologyWorker]) -> TopologyCoordinator:
    readiness = coordinator.readiness
    count, load = _share(workers, coordinator.coordinator_id)
    return TopologyCoordinator(
        id=coordinator.coordinator_id,
        url=coordinator.info.url,
        location=coordinator.info.location,
        workers=count,
        load=load,
        status="draining" if readiness.draining else "active" if readiness.ready else "starting",
    )


def _share(workers: Sequence[TopologyWorker], coordinator_id: str) -> tuple[int, float]:
    """Return how many workers a coordinator has, and how loaded those are on average that work."""
    own = [worker for worker in workers if worker.coordinator == coordinator_id]
    active = [worker.load for worker in own if worker.status == "active"]
    return len(own), round(sum(active) / len(active), 3) if active else 0.0


def _others(coordinator: Coordinator, workers: Sequence[TopologyWorker]) -> Iterator[TopologyCoordinator]:
    """Yield those that share our store; one that does not tell of its workers is as it last said that it is."""
    fleet, telling = coordinator.fleet, set(coordinator.together.roster.runs.values())
    states: tuple[tuple[Status, Sequence[Serving]], ...] = (("active", fleet.alive()), ("stale", fleet.silent()))
    for status, found in states:
        for said in found:
            count, load = _share(workers, said.info.id)
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


def _link(worker: TopologyWorker) -> TopologyLink:
    return TopologyLink(source=worker.coordinator, target=worker.id, route=worker.route)


def _worker(coordinator: Coordinator, member: Member, status: WorkerStatus) -> TopologyWorker:
    return TopologyWorker(
        id=member.worker_id,
        type=member.capabilities.worker_type,
        coordinator=coordinator.coordinator_id,
        services=member.running,
        status=status,
        load=round(member.load, 3),
        in_flight=member.in_flight,
        route=member.route,
        last_seen=round(member.last_seen, 1),
    )


def _far_workers(coordinator: Coordinator) -> Iterator[TopologyWorker]:
    """Yield the workers that talk to others; when each did that last only they know."""
    everybody = coordinator.everybody
    for name, row in everybody.far():
        member = everybody.member(name)
        if member is not None:
            yield TopologyWorker(
                id=name,
                type=member.capabilities.worker_type,
                coordinator=row.owner,
                services=member.running,
                status=everybody.status(member),
                load=round(member.load, 3),
                route=row.facts.route,
            )


def _services(coordinator: Coordinator, running: Mapping[str, Sequence[str]]) -> tuple[TopologyService, ...]:
    reasons = {shortage.service: shortage.reason for shortage in coordinator.planning.shortages()}
    return tuple(
        _service(manifest, running.get(manifest.name, ()), reasons.get(manifest.name, ""))
        for manifest in coordinator.catalogue.manifests
    )


def _service(manifest: Manifest, workers: Sequence[str], reason: str) -> TopologyService:
    if len(workers) >= manifest.replicas:
        reason = ""
    elif not reason:
        reason = "The workers that it was given to have not started it yet, or are expected back."
    return TopologyService(
        name=manifest.name,
        title=manifest.title,
        aliases=manifest.aliases,
        tier=manifest.tier,
        wanted=manifest.replicas,
        healthy=len(workers),
        workers=tuple(workers),
        reason=reason,
    )
