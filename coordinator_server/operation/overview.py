"""Puts together what `status` shows: coordinators, services, the workers that need a look, and what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from heapq import nsmallest
from typing import Annotated

import msgspec
from aiohttp import web

from coordinator_server.api.shapes import Status, Topology, TopologyCoordinator, TopologyWorker
from coordinator_server.application import COORDINATOR, Coordinator
from coordinator_server.front import FRONT, Front
from coordinator_server.operation.traffic import Flow
from coordinator_server.vpn.station import Standing
from node.program.durations import say_duration
from node.program.web import json_response, parse_fields

MOST_WORKERS = 500
OVERLOADED = 0.9
MANY_ERRORS = 0.1
LATE = 1.5  # heartbeats of coordinators after which one that is silent is told of
ORDER: tuple[Status, ...] = ("pending", "stale", "draining", "paused", "active")
INVITE = "Make an invite with `rma-mesh-coordinator invite create`, and give its link to a volunteer."
APPROVE = "`rma-mesh-coordinator worker approve ID` trusts a machine with personal data."
LOOK = "`rma-mesh-coordinator worker list` shows all machines, `doctor` looks at everything."


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """How many workers are told of one by one."""

    workers: Annotated[int, msgspec.Meta(ge=0, le=MOST_WORKERS)] = 20


class CoordinatorLine(msgspec.Struct, frozen=True, kw_only=True):
    """A coordinator; `version` is known of the one that was asked."""

    id: str
    url: str
    location: str
    status: str
    workers: int
    load: float
    assigns: bool
    version: str = ""


class ServiceLine(msgspec.Struct, frozen=True, kw_only=True):
    """A service, and how the requests of the last minute went that came to this coordinator."""

    name: str
    wanted: int
    running: int
    queue: int
    requests_per_second: float
    error_share: float
    p95_ms: float | None
    requests: int = 0
    reason: str = ""  # why fewer run than wanted


class WorkerLine(msgspec.Struct, frozen=True, kw_only=True):
    """A worker that is here."""

    worker_id: str
    name: str
    status: Status
    probation: bool
    coordinator: str
    load: float
    in_flight: int
    services: tuple[str, ...]
    last_seen: float | None  # Unix seconds; None where another coordinator knows
    detail: str = ""


class Warned(msgspec.Struct, frozen=True, kw_only=True):
    """Something to mend: what is so, and what to do."""

    text: str
    hint: str = ""


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """GET /api/admin/overview; `workers` are those that need a look most, `counts` are of all by status."""

    coordinator: str
    version: str
    status: str
    timestamp: float
    uptime_seconds: float
    coordinators: list[CoordinatorLine]
    services: list[ServiceLine]
    counts: dict[str, int]
    workers: list[WorkerLine]
    warnings: list[Warned]


async def overview(request: web.Request) -> web.Response:
    """Tell what an operator wants to see at a glance."""
    query = parse_fields(request.query, Query)
    front = request.app[FRONT]
    return json_response(look(request.app[COORDINATOR], front, await front.stream.now(), query.workers))


def look(coordinator: Coordinator, front: Front, topology: Topology, most: int) -> Overview:
    """Return the mesh as this coordinator sees it now, with so many of its workers."""
    readiness = coordinator.readiness
    services = list(_services(topology, front))
    counts = _counts(coordinator, topology)
    return Overview(
        coordinator=coordinator.coordinator_id,
        version=front.version,
        status="draining" if readiness.draining else "ok" if readiness.ready else "starting",
        timestamp=coordinator.clock(),
        uptime_seconds=round(max(0.0, coordinator.clock() - front.started_at), 1),
        coordinators=[_coordinator(coordinator, one, front.version) for one in topology.coordinators],
        services=services,
        counts=counts,
        workers=_workers(coordinator, topology, most),
        warnings=list(_warnings(coordinator, topology, services, counts)),
    )


def _coordinator(coordinator: Coordinator, one: TopologyCoordinator, version: str) -> CoordinatorLine:
    return CoordinatorLine(
        id=one.id,
        url=one.url,
        location=one.location,
        status=one.status,
        workers=one.workers,
        load=one.load,
        assigns=one.id == coordinator.together.assigner,
        version=version if one.id == coordinator.coordinator_id else "",
    )


def _services(topology: Topology, front: Front) -> Iterator[ServiceLine]:
    queues, flows = front.elsewhere.queues(front.router.queue_depths()), front.traffic.flows()
    for service in topology.services:
        flow = flows.get(service.name, Flow())
        yield ServiceLine(
            name=service.name,
            wanted=service.wanted,
            running=service.healthy,
            queue=queues.get(service.name, 0),
            requests_per_second=round(flow.rate, 2),
            error_share=round(flow.errors, 4),
            requests=flow.requests,
            p95_ms=None if flow.p95_seconds is None else round(1000 * flow.p95_seconds, 1),
            reason=service.reason,
        )


def _counts(coordinator: Coordinator, topology: Topology) -> dict[str, int]:
    found = Counter[str](worker.status for worker in topology.workers)
    here, back = {worker.id for worker in topology.workers}, coordinator.together.roster.expected
    enrolled = [one for one in coordinator.workers if not one.revoked]
    away = [one.worker_id for one in enrolled if one.worker_id not in here and not one.pending]
    found["pending"] = coordinator.workers.waiting()
    found["expected"] = sum(name in back for name in away)  # their coordinator has just ended, or this one begun
    found["offline"] = len(away) - found["expected"]
    found["enrolled"] = len(enrolled)
    return dict(found)


def _workers(coordinator: Coordinator, topology: Topology, most: int) -> list[WorkerLine]:
    doubted = coordinator.warden.on_probation() and {
        worker.id for worker in topology.workers if coordinator.warden.told(worker.id)
    }

    def need(worker: TopologyWorker) -> tuple[bool, int, bool, float, str]:
        is_full = worker.status == "active" and worker.load >= OVERLOADED
        rank = ORDER.index(worker.status) if worker.status in ORDER else 0
        idle = not worker.services
        return (worker.id not in (doubted or ()), 2 if is_full else 2 * rank, not idle, -worker.load, worker.id)

    chosen = nsmallest(most, topology.workers, key=need)
    return [_worker(coordinator, worker, worker.id in (doubted or ())) for worker in chosen]


def _worker(coordinator: Coordinator, worker: TopologyWorker, probation: bool) -> WorkerLine:
    enrolment, planning = coordinator.workers.get(worker.id), coordinator.planning
    return WorkerLine(
        worker_id=worker.id,
        name=enrolment.name if enrolment is not None else "",
        status=worker.status,
        probation=probation,
        coordinator=worker.coordinator,
        load=worker.load,
        in_flight=worker.in_flight,
        services=worker.services,
        last_seen=worker.last_seen or None,
        detail=coordinator.warden.told(worker.id)
        or planning.why_nothing(worker.id)
        or planning.why_moves(worker.id),
    )


def _warnings(
    coordinator: Coordinator, topology: Topology, services: list[ServiceLine], counts: dict[str, int]
) -> Iterator[Warned]:
    yield from (Warned(text=one.text, hint=one.hint) for one in coordinator.conditions.now)
    if coordinator.keyring.lacking:
        yield Warned(text=coordinator.keyring.lacking, hint="See docs/keys.md.")
    yield from silence(coordinator, topology)
    if waiting := counts["pending"]:
        text = f"{waiting} machine{' waits' if waiting == 1 else 's wait'} to be let in."
        yield Warned(text=text, hint="`rma-mesh-coordinator worker list`, then `worker approve ID` or `refuse ID`.")
    if counts["enrolled"]:
        personal = {one.name for one in coordinator.catalogue.manifests if one.data_class == "personal"}
        yield from _service_warnings(services, LOOK, personal)
    else:
        yield from _service_warnings(services, INVITE)
    if coordinator.station is not None:
        yield from _overlay_warnings(coordinator.station.standing(), coordinator.config.vpn_port)
    if coordinator.keyring.keys.phase != "steady":
        phase = coordinator.keyring.keys.phase
        hint = "`rma-mesh-coordinator status` without --watch says whom it waits for."
        yield Warned(text=f"The mesh's key is being rotated ({phase}).", hint=hint)


def silence(coordinator: Coordinator, topology: Topology) -> Iterator[Warned]:
    """Tell of other coordinators that have ended without a word, and of those that are late with their next one."""
    late = LATE * coordinator.fleet.heartbeat
    store_is_silent = any(one.name == "store" for one in coordinator.conditions.now)  # then nobody is heard of
    for other in topology.coordinators:
        if other.id == coordinator.coordinator_id:
            continue
        silent = coordinator.fleet.unheard(other.id)
        who, since = f"The coordinator {other.id} ({other.url})", f"not heard of for {say_duration(silent)}"
        if other.status == "stale":
            text = f"{who} has ended without a word, or hangs: {since}."
            yield Warned(text=text, hint="Start it again; the others do its work meanwhile.")
        elif silent > late and not store_is_silent:
            hint = (
                f"See on its machine whether it hangs. Every {coordinator.fleet.heartbeat:g} s a word should come."
            )
            yield Warned(text=f"{who} is {since}: it may hang, or not reach the store.", hint=hint)


def _overlay_warnings(standing: Standing, wished: int) -> Iterator[Warned]:
    if not standing.up and standing.phase != "off" and standing.hint:
        yield Warned(text=standing.text, hint=standing.hint)
    if standing.up and standing.port != wished:
        text = f"Another program has UDP port {wished}, so the private network uses {standing.port}."
        hint = f"`ss -lunp` shows who. Let UDP port {standing.port} in, or stop that program and restart this one."
        yield Warned(text=text, hint=hint)


def _service_warnings(
    services: list[ServiceLine], look: str = LOOK, personal: Collection[str] = ()
) -> Iterator[Warned]:
    """Tell of services that nobody runs, those for `personal` data apart, and of those that fail or wait."""
    idle: dict[tuple[str, bool], list[str]] = {}
    for one in services:
        if one.wanted and not one.running:
            idle.setdefault((one.reason, one.name in personal), []).append(one.name)
        if one.error_share > MANY_ERRORS:
            failed = max(1, round(one.error_share * one.requests))
            text = f"{failed:,} of {one.requests:,} requests to {one.name} failed in the last minute."
            yield Warned(text=text, hint=LOOK)
        if one.queue > one.running:
            text = f"{one.queue} requests wait for {one.name}: too few workers run it."
            yield Warned(text=text, hint="Invite more machines, or set `replicas` in its manifest higher.")
    for (reason, is_personal), names in idle.items():
        hint = f"{APPROVE} {look}" if is_personal else look
        yield Warned(text=f"Nobody runs {', '.join(names)}. {reason}".strip(), hint=hint)
