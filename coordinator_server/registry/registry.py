"""The live workers: one place that hears them and offers candidates to the router."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import msgspec

from coordinator_server.enrolment.workers import Workers
from coordinator_server.registry.belief import Belief
from coordinator_server.registry.endpoints import peer_endpoints
from coordinator_server.registry.facts import matters
from coordinator_server.registry.machines import OVERLAY
from coordinator_server.registry.membership import Member, Patience, clock_set, failed, liveness, loaded
from coordinator_server.registry.runners import Runners
from node.wire.credentials import Trust
from node.wire.manifests import Catalogue
from node.wire.messages import HeartbeatRequest, RegisterRequest, WorkerRecord
from node.wire.problems import Problem

Status = Literal["active", "stale", "paused", "draining", "pending"]
log = logging.getLogger(__name__)
MOST_FOUND = 256  # workers that a router is told of at a time, and soon of others


class Registry:
    """Holds who is here; `name` and `find` make it a candidate source.

    Nothing here is O(workers) per heartbeat. `mattered` is called with each worker that came or went, or of which
    something has changed by which it is decided what it shall run, `heard` with each that has spoken or gone, and
    whether it has just registered, `differs` with each of which a view may show something else than before.
    """

    name: Literal["registry"] = "registry"

    def __init__(
        self,
        workers: Workers,
        catalogue: Catalogue,
        patience: Patience,
        clock: Callable[[], float],
        *,
        own_id: str = "",
        overlay: str = OVERLAY,
        jumped: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """`jumped` tells by how many seconds the clock was set since it was asked last: that is no silence."""
        self._belief = Belief(workers, catalogue, own_id=own_id, overlay=overlay)
        self._jumped = jumped
        self._workers = workers
        self._patience = patience
        self._clock = clock
        self._members: dict[str, Member] = {}
        self._runners = Runners()
        self._stale: set[str] = set()  # of whom that was told
        self.vpn_up = False  # whether we can reach workers at their addresses in the overlay
        self.version = 0  # rises with every change that a view may show
        self.mattered: Callable[[str], None] = lambda _worker_id: None
        self.heard: Callable[[str, bool], None] = lambda _worker_id, _registered: None
        self.differs: Callable[[str], None] = lambda _worker_id: None
        self.runs: Callable[[Member], None] = lambda _member: None  # hears of who runs other services than before
        self.doubts: Callable[[str, str], bool] = lambda _worker_id, _service: False  # others are asked first
        self.broke_off: Callable[[str], None] = lambda _worker_id: None  # hears of who failed a request
        self.hands_over: Callable[[str, str], bool] = lambda _worker_id, _service: False  # though it is drained
        self.appeared: Callable[[Sequence[str]], None] = lambda _services: None  # somebody offers these now
        self._relays: dict[str, tuple[str, ...]] = {}

    # --- what workers say -------------------------------------------------------------------------------------

    def register(self, request: RegisterRequest, address: str) -> Member:
        """Take in a worker that spoke from `address`; it is known from now on."""
        now = self._see_clock()
        before = self._members.get(request.worker_id)
        member = replace(
            self._belief.registered(request, address, now),
            relays=self._relays.get(request.worker_id, ()),
            unwanted=before.unwanted if before is not None else (),
        )
        self._keep(before, member)
        self.appeared(member.running)
        rested = before is not None and (before.paused or liveness(before, now, self._patience) != "active")
        changed = before is None or matters(before.capabilities, member.capabilities)
        self._touch(request.worker_id if rested or changed else "")
        self.heard(request.worker_id, True)
        return member

    def heartbeat(self, request: HeartbeatRequest) -> Member:
        """Take in a heartbeat; raise unknown-worker, upon which the worker registers again."""
        now = self._see_clock()
        before = self._members.get(request.worker_id)
        if before is None:
            raise Problem("unknown-worker", f"{request.worker_id} has to register first.")
        was_stale = liveness(before, now, self._patience) != "active"
        member = self._belief.heard(before, request, now)
        self._keep(before, member)
        if was_stale or before.running != member.running:
            self.appeared(member.running)
        rests = (before.paused, before.unwanted) != (member.paused, member.unwanted)
        self._touch(request.worker_id if was_stale or rests else "")
        self.heard(request.worker_id, False)
        return member

    def _keep(self, before: Member | None, member: Member) -> None:
        self._members[member.worker_id] = member
        self._stale.discard(member.worker_id)  # it may be silent for too long again before anybody looks
        old, new = before.running if before is not None else (), member.running
        if old != new:
            self._runners.drop(member.worker_id, old)
        self._runners.put(member.worker_id, new, member.load)
        if before is None or old != new:
            self.runs(member)
        self.differs(member.worker_id)

    def leave(self, worker_id: str) -> None:
        """Forget a worker at once; its services go to others."""
        self.hand_over(worker_id)
        self._touch(worker_id)
        self.heard(worker_id, False)

    def hand_over(self, worker_id: str) -> None:
        """Forget a worker that talks to another coordinator by now; it goes on with what it runs."""
        member = self._members.pop(worker_id, None)
        if member is not None:
            self._runners.drop(worker_id, member.running)
        self.differs(worker_id)
        self._touch()

    # --- what requests and operators say ----------------------------------------------------------------------

    def report_failure(self, worker_id: str) -> None:
        """Take a worker out of the candidates until its next heartbeat, because a request to it failed."""
        self.broke_off(worker_id)
        member = self._members.get(worker_id)
        if member is not None and not member.failed:
            self._members[worker_id] = failed(member)
            self._touch()

    def update_load(self, worker_id: str, load: float) -> None:
        """Take over the load that an answer told."""
        member = self._members.get(worker_id)
        if member is not None and member.load != load:
            self._members[worker_id] = member = loaded(member, load)
            self._runners.put(worker_id, member.running, member.load)
            self.differs(worker_id)

    def enrolment_changed(self, worker_id: str) -> None:
        """Look again at a worker that was approved, drained, revoked or removed."""
        enrolment = self._workers.get(worker_id)
        if enrolment is None or enrolment.revoked:
            self.leave(worker_id)
            return
        member = self._members.get(worker_id)
        if member is not None:
            self.appeared(member.running)
        self.differs(worker_id)
        self._touch(worker_id)

    def overlay_changed(self, up: bool) -> None:
        """Offer workers with their addresses in the overlay from now on, or without."""
        if up != self.vpn_up:
            self.vpn_up = up
            self.appeared([service for member in self._members.values() for service in member.running])
            self._touch()

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
            self.differs(worker_id)
            self._touch()

    def overlay_ports(self) -> dict[str, int]:
        """Return at which port each worker's services are in the overlay, by its address there."""
        ends = (member.endpoints for member in self._members.values())
        return {found.vpn_ip: found.port for found in ends if found.vpn_ip is not None}

    def tick(self) -> None:
        """Forget who was silent for too long; call it about once a second."""
        now = self._see_clock()
        stale = set()
        for member in self.members():  # no pairs: so many new objects at once would have Python look for garbage
            worker_id, state = member.worker_id, liveness(member, now, self._patience)
            if state == "forgotten":
                log.info(
                    "worker %s was not heard of for %.0f s and is forgotten", worker_id, now - member.last_seen
                )
                self.leave(worker_id)
            elif state == "stale":
                stale.add(worker_id)
        for worker_id in stale - self._stale:
            self._touch(worker_id)
            self.heard(worker_id, False)
        for worker_id in stale ^ self._stale:
            self.differs(worker_id)
        self._stale = stale

    def _see_clock(self) -> float:
        """Return what time it is; where the clock was set, nobody was silent for that."""
        by, now = self._jumped(), self._clock()
        if by:
            self._members = {name: clock_set(member, by, now) for name, member in self._members.items()}
            for name in self._members:
                self.differs(name)
        return now

    # --- what others ask --------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._members)

    def members(self) -> Sequence[Member]:
        return tuple(self._members.values())

    def member(self, worker_id: str) -> Member | None:
        return self._members.get(worker_id)

    def status(self, member: Member) -> Status:
        if self.is_stale(member):
            return "stale"
        return self.standing(member)

    def standing(self, member: Member) -> Status:
        """Return how a worker is that is heard of."""
        enrolment = self._workers.get(member.worker_id)
        if enrolment is not None and enrolment.pending:
            return "pending"
        if enrolment is not None and enrolment.draining:
            return "draining"
        return "paused" if member.paused else "active"

    def is_stale(self, member: Member) -> bool:
        return liveness(member, self._clock(), self._patience) != "active"

    async def find(self, service: str) -> Sequence[WorkerRecord]:
        """Return the workers that may get a request for a service: the gateway's candidate source."""
        return [self._record(member) for member in self.best(service)]

    def best(self, service: str) -> Sequence[Member]:
        """Return who may get a request; of very many those with the least load, and nobody else is looked at.

        Of those with as much it is others the next time: else a few would do everything until their next heartbeat.
        """
        if len(self._runners.of(service)) <= MOST_FOUND:
            return self.running(service)
        good: list[Member] = []
        others: list[Member] = []
        now = self._see_clock()
        for name in self._runners.by_load(service):
            member = self._members[name]
            if self._serves(member, service, now):
                doubtful = member.failed or self.doubts(name, service)
                (others if doubtful else good).append(member)
            if len(good) == MOST_FOUND:
                break
        found = good or self._preferred(others, service)[:MOST_FOUND]
        self._runners.turn(service, [member.worker_id for member in found])
        return sorted(found, key=lambda member: member.load)

    def running(self, service: str) -> Sequence[Member]:
        """Return active workers that run a service, of whom nobody has a doubt.

        Where there are none, they are those that are on probation, and last those that failed a request.
        """
        now = self._see_clock()
        members = [self._members[name] for name in self._runners.of(service)]
        return self._preferred([member for member in members if self._serves(member, service, now)], service)

    def _preferred(self, fit: Sequence[Member], service: str) -> Sequence[Member]:
        there = [member for member in fit if not member.failed] or fit
        return [member for member in there if not self.doubts(member.worker_id, service)] or there

    def look_again(self) -> None:
        """Have others see who may be asked now: somebody is on probation, or no more."""
        self._touch()

    def offers(self) -> Mapping[str, Sequence[WorkerRecord]]:
        """Return all who may get requests, for each service that somebody runs; only addresses that can be used."""
        found = {service: self.running(service) for service in self._runners}
        return {service: [self._reachable(member) for member in fit] for service, fit in found.items() if fit}

    def _serves(self, member: Member, service: str, now: float) -> bool:
        if liveness(member, now, self._patience) != "active":
            return False
        status = self.standing(member)
        return status == "active" or (status == "draining" and self.hands_over(member.worker_id, service))

    def peers(self, service: str, asker: str) -> Sequence[WorkerRecord]:
        """Return candidates for another node, with the addresses that only nodes may reach."""
        return [
            msgspec.structs.replace(
                self._record(member), endpoints=peer_endpoints(member.claimed, member.endpoints)
            )
            for member in self.best(service)
            if member.worker_id != asker
        ]

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

    def _touch(self, worker_id: str = "") -> None:
        """Note a change that views may show; it matters for a worker that is named."""
        self.version += 1
        if worker_id:
            self.mattered(worker_id)
