"""The live workers: one place that hears them, plans who runs what, and offers candidates to the router."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import msgspec

from coordinator_server.enrolment.workers import Enrolment, Workers
from coordinator_server.registry.assignment import Machine, Move, Plan, Shortage, assign
from coordinator_server.registry.endpoints import checked_endpoints, peer_endpoints
from coordinator_server.registry.membership import Member, Patience, failed, heard, liveness, loaded, registered
from node.wire.credentials import Trust
from node.wire.manifests import Catalogue
from node.wire.messages import Capabilities, HeartbeatRequest, RegisterRequest, WorkerRecord
from node.wire.problems import Problem

Status = Literal["active", "stale", "paused", "draining"]
log = logging.getLogger(__name__)

KEPT_MOVES = 200
PLANNING_SHARE = 0.05  # of the time at most, however many workers come and go
QUICK = 0.002  # seconds of planning that are always at hand


class Registry:
    """Holds who is here and what each was given; `name` and `find` make it a candidate source.

    Nothing here is O(workers) per heartbeat: a plan is made only after something that matters has changed, and a
    long one is put off for a while. `planned` is called with the moves of each new plan.
    """

    name: Literal["registry"] = "registry"

    def __init__(
        self,
        workers: Workers,
        catalogue: Catalogue,
        patience: Patience,
        clock: Callable[[], float],
        most: int = 16,
        *,
        own_id: str = "",
    ) -> None:
        """`own_id` is the coordinator's: whether it has a worker's channel it knows itself."""
        self._own_id = own_id
        self._workers = workers
        self._catalogue = catalogue
        self._patience = patience
        self._clock = clock
        self._most = most
        self._members: dict[str, Member] = {}
        self._assigned: dict[str, tuple[str, ...]] = {}
        self._expected_until: dict[str, float] = {}
        self._plan = Plan()
        self._recent: deque[tuple[float, Move]] = deque(maxlen=KEPT_MOVES)
        self._dirty = True
        self._next_plan = 0.0
        self.vpn_up = False  # whether we can reach workers at their addresses in the overlay
        self.version = 0  # rises with every change that a view may show
        self.planned: Callable[[Sequence[Move]], None] = lambda _moves: None
        self.appeared: Callable[[Sequence[str]], None] = lambda _services: None  # somebody offers these now
        self._relays: dict[str, tuple[str, ...]] = {}

    # --- what workers say -------------------------------------------------------------------------------------

    def register(self, request: RegisterRequest, address: str) -> Member:
        """Take in a worker that spoke from `address`; it is known from now on."""
        before = self._members.get(request.worker_id)
        now = self._clock()
        enrolment = self._workers.get(request.worker_id)
        leased = enrolment.vpn.ip if enrolment is not None and enrolment.vpn is not None else None
        allowed = tuple(report for report in request.services if self._may_run(request.worker_id, report.name))
        request = msgspec.structs.replace(request, services=allowed, relays=self._others(request.relays))
        member = registered(request, checked_endpoints(request.endpoints, address, leased), now)
        unwanted = before.unwanted if before is not None else ()
        member = replace(member, relays=self._relays.get(request.worker_id, ()), unwanted=unwanted)
        self._members[request.worker_id] = member
        self._expected_until.pop(request.worker_id, None)
        self.appeared(member.running)
        rested = before is not None and (before.paused or liveness(before, now, self._patience) != "active")
        changed = before is None or _matters(before.capabilities, member.capabilities)
        self._touch(replan=rested or changed)
        return member

    def heartbeat(self, request: HeartbeatRequest) -> Member:
        """Take in a heartbeat; raise unknown-worker, upon which the worker registers again."""
        before = self._members.get(request.worker_id)
        if before is None:
            raise Problem("unknown-worker", f"{request.worker_id} has to register first.")
        now = self._clock()
        was_stale = liveness(before, now, self._patience) != "active"
        allowed = tuple(report for report in request.services if self._may_run(request.worker_id, report.name))
        request = msgspec.structs.replace(request, services=allowed, relays=self._others(request.relays))
        member = heard(before, request, now)
        self._members[request.worker_id] = member
        if was_stale or before.running != member.running:
            self.appeared(member.running)
        rests = (before.paused, before.unwanted) != (member.paused, member.unwanted)
        self._touch(replan=was_stale or rests)
        return member

    def _others(self, relays: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in relays if name != self._own_id)

    def leave(self, worker_id: str) -> None:
        """Forget a worker at once; its services go to others."""
        self._members.pop(worker_id, None)
        self._assigned.pop(worker_id, None)
        self._expected_until.pop(worker_id, None)
        self._touch(replan=True)

    # --- what requests and operators say ----------------------------------------------------------------------

    def report_failure(self, worker_id: str) -> None:
        """Take a worker out of the candidates until its next heartbeat, because a request to it failed."""
        member = self._members.get(worker_id)
        if member is not None and not member.failed:
            self._members[worker_id] = failed(member)
            self._touch(replan=False)

    def update_load(self, worker_id: str, load: float) -> None:
        """Take over the load that an answer told."""
        member = self._members.get(worker_id)
        if member is not None and member.load != load:
            self._members[worker_id] = loaded(member, load)

    def enrolment_changed(self, worker_id: str) -> None:
        """Look again at a worker that was approved, drained, revoked or removed."""
        enrolment = self._workers.get(worker_id)
        if enrolment is None or enrolment.revoked:
            self.leave(worker_id)
            return
        member = self._members.get(worker_id)
        if member is not None:
            self.appeared(member.running)
        self._touch(replan=True)

    def overlay_changed(self, up: bool) -> None:
        """Offer workers with their addresses in the overlay from now on, or without."""
        if up != self.vpn_up:
            self.vpn_up = up
            self.appeared([service for member in self._members.values() for service in member.running])
            self._touch(replan=False)

    def relayed(self, worker_id: str, relays: tuple[str, ...]) -> None:
        """Offer a worker by way of these coordinators from now on; who comes back so has not failed."""
        before = self._relays.get(worker_id, ())
        if relays:
            self._relays[worker_id] = relays
        else:
            self._relays.pop(worker_id, None)
        member = self._members.get(worker_id)
        if member is not None and (before != relays or (relays and member.failed)):
            self._members[worker_id] = replace(member, relays=relays, failed=member.failed and not relays)
            self.appeared(member.running)
            self._touch(replan=False)

    def overlay_ports(self) -> dict[str, int]:
        """Return at which port each worker's services are in the overlay, by its address there."""
        ends = (member.endpoints for member in self._members.values())
        return {found.vpn_ip: found.port for found in ends if found.vpn_ip is not None}

    def expect(self, assigned: dict[str, tuple[str, ...]], until: float) -> None:
        """After our restart: leave to these workers what they had until then (Unix seconds); nothing moves."""
        for worker_id, services in assigned.items():
            if worker_id in self._workers and worker_id not in self._members:
                self._assigned[worker_id] = services
                self._expected_until[worker_id] = until
        self._touch(replan=True)

    def tick(self) -> None:
        """Forget who was silent for too long, and plan if something has changed; call it about once a second."""
        now = self._clock()
        for worker_id, member in list(self._members.items()):
            state = liveness(member, now, self._patience)
            if state == "forgotten":
                log.info(
                    "worker %s was not heard of for %.0f s and is forgotten", worker_id, now - member.last_seen
                )
                self.leave(worker_id)
            elif state == "stale" and self._assigned.get(worker_id):
                self._touch(replan=True)
        for worker_id in [worker_id for worker_id, until in self._expected_until.items() if now >= until]:
            del self._expected_until[worker_id]
            self._assigned.pop(worker_id, None)
            self._touch(replan=True)
        self._replan_if_due()

    # --- what others ask --------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._members)

    def members(self) -> Sequence[Member]:
        return tuple(self._members.values())

    def member(self, worker_id: str) -> Member | None:
        return self._members.get(worker_id)

    def status(self, member: Member) -> Status:
        if liveness(member, self._clock(), self._patience) != "active":
            return "stale"
        enrolment = self._workers.get(member.worker_id)
        if enrolment is not None and enrolment.draining:
            return "draining"
        return "paused" if member.paused else "active"

    @property
    def settled(self) -> bool:
        """False while a plan is put off: who asks now had better come back soon."""
        self._replan_if_due()
        return not self._dirty

    def assigned(self, worker_id: str) -> tuple[str, ...]:
        """Return what a worker shall run now."""
        self._replan_if_due()
        return self._assigned.get(worker_id, ())

    def all_assigned(self) -> Mapping[str, tuple[str, ...]]:
        """Return what every worker shall run, as it was planned last."""
        return self._assigned

    def why_nothing(self, worker_id: str) -> str:
        """Return a sentence for a worker that has nothing to run, or an empty one."""
        member, enrolment = self._members.get(worker_id), self._workers.get(worker_id)
        if member is None or enrolment is None or self._assigned.get(worker_id):
            return ""
        resting = _resting(member, enrolment, stale=False)
        if resting:
            return f"Nothing to run, because this machine {resting}."
        return "Nothing to run now: other machines run what this one could."

    async def find(self, service: str) -> Sequence[WorkerRecord]:
        """Return the workers that may get a request for a service: the gateway's candidate source."""
        return [self._record(member) for member in self.running(service)]

    def running(self, service: str) -> Sequence[Member]:
        """Return active workers that run a service; those that failed a request only when there are no others."""
        fit = [m for m in self._members.values() if service in m.running and self.status(m) == "active"]
        return [member for member in fit if not member.failed] or fit

    def offers(self) -> Mapping[str, Sequence[WorkerRecord]]:
        """Return what `find` finds, for all services that somebody runs; only addresses that can be used now."""
        fit: dict[str, list[Member]] = {}
        for member in self._members.values():
            if member.running and self.status(member) == "active":
                for service in member.running:
                    fit.setdefault(service, []).append(member)
        return {
            service: [self._reachable(member) for member in [m for m in members if not m.failed] or members]
            for service, members in fit.items()
        }

    def peers(self, service: str, asker: str) -> Sequence[WorkerRecord]:
        """Return candidates for another node, with the addresses that only nodes may reach."""
        return [
            msgspec.structs.replace(
                self._record(member), endpoints=peer_endpoints(member.claimed, member.endpoints)
            )
            for member in self.running(service)
            if member.worker_id != asker
        ]

    def shortages(self) -> Sequence[Shortage]:
        """Return the services that are assigned to fewer machines than wanted, and why."""
        self._replan_if_due()
        return self._plan.shortages

    def plan(self) -> Plan:
        """Return what planning would change at this moment, and why; nothing is changed."""
        return assign(self._machines(), self._catalogue, self._most)

    def recent_moves(self) -> Sequence[tuple[float, Move]]:
        """Return the latest changes with their times (Unix seconds), the oldest first."""
        return tuple(self._recent)

    def _record(self, member: Member) -> WorkerRecord:
        enrolment = self._workers.get(member.worker_id)
        trust: Trust = "volunteer" if enrolment is None else enrolment.trust
        return msgspec.structs.replace(member.record(), trust=trust)

    def _reachable(self, member: Member) -> WorkerRecord:
        """Return a record for processes that do not know how the overlay is."""
        record = self._record(member)
        if self.vpn_up or record.endpoints.vpn_ip is None:
            return record
        return msgspec.structs.replace(record, endpoints=msgspec.structs.replace(record.endpoints, vpn_ip=None))

    def _may_run(self, worker_id: str, service: str) -> bool:
        """Believe a worker only of services that it may have: others' requests are not for it to see."""
        enrolment, manifest = self._workers.get(worker_id), self._catalogue.by_name().get(service)
        if enrolment is None or manifest is None or (enrolment.services and service not in enrolment.services):
            return False
        return manifest.data_class != "personal" or enrolment.trust == "vetted"

    # --- planning ---------------------------------------------------------------------------------------------

    def _touch(self, *, replan: bool) -> None:
        self.version += 1
        self._dirty = self._dirty or replan

    def _replan_if_due(self) -> None:
        if not self._dirty or time.monotonic() < self._next_plan:
            return
        begun = time.thread_time()  # what it worked: a pause that the system makes puts no later plan off
        self._dirty = False
        plan = assign(self._machines(), self._catalogue, self._most)
        self._plan = plan
        self._assigned = {worker_id: services for worker_id, services in plan.services.items() if services}
        worked = time.thread_time() - begun
        self._next_plan = time.monotonic() + max(0.0, worked - QUICK) / PLANNING_SHARE
        if plan.moves:
            self._note(plan.moves)

    def _note(self, moves: Sequence[Move]) -> None:
        now = self._clock()
        self.version += 1
        for move in moves:
            log.info("%s %ss %s: %s", move.worker_id, move.action, move.service, move.reason)
            self._recent.append((now, move))
        self.planned(moves)

    def _machines(self) -> Iterable[Machine]:
        now = self._clock()
        for worker_id, member in self._members.items():
            enrolment = self._workers.get(worker_id)
            if enrolment is None:
                continue
            yield Machine(
                worker_id=worker_id,
                capabilities=member.capabilities,
                trust=enrolment.trust,
                covered=enrolment.services,
                current=self._assigned.get(worker_id, ()),
                load=member.load,
                unwanted=member.unwanted,
                resting=_resting(member, enrolment, stale=liveness(member, now, self._patience) != "active"),
            )
        for worker_id in self._expected_until:
            current = self._assigned.get(worker_id, ())
            yield Machine(worker_id=worker_id, capabilities=Capabilities(), current=current, expected=True)


def _resting(member: Member, enrolment: Enrolment, *, stale: bool) -> str:
    """Return why a worker gets nothing, in words that follow "the machine"."""
    if stale:
        return "is not heard of"
    if enrolment.revoked:
        return "was revoked"
    if enrolment.draining:
        return "is being drained by the operator"
    return "is paused or closing" if member.paused else ""


def _matters(before: Capabilities, after: Capabilities) -> bool:
    """Say whether a change of capabilities can change an assignment; free memory and battery come and go."""
    passing = {"ram_free_bytes": 0, "disk_free_bytes": 0, "disks": (), "addresses": (), "battery": None, "gpus": ()}
    one, other = msgspec.structs.replace(before, **passing), msgspec.structs.replace(after, **passing)
    return one != other or len(before.gpus) != len(after.gpus)
