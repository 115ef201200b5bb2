"""A registry over real enrolments, with what its workers shall run, and a clock that stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from coordinator_server.audit import Audit
from coordinator_server.enrolment.workers import Enrolment, Workers
from coordinator_server.fleet.roster import Roster
from coordinator_server.registry.assignment import Move
from coordinator_server.registry.membership import Patience
from coordinator_server.registry.planning import Planning
from coordinator_server.registry.registry import Registry
from coordinator_server.store.interface import Store, Write
from node.wire.manifests import Catalogue
from node.wire.messages import Endpoints, HeartbeatRequest, RegisterRequest, ServiceReport
from tests.support.coordinators import CATALOGUE, PC
from tests.support.mesh_keys import Clock

HERE = "127.0.0.1"


@dataclass
class RegistryMesh:
    """A registry over real enrolments, and a clock that stands."""

    store: Store
    catalogue: Catalogue = CATALOGUE
    clock: Clock = field(default_factory=Clock)

    async def open(self) -> RegistryMesh:
        self.audit = Audit(self.store, self.clock)
        self.workers = Workers(self.store, self.audit, self.clock, 7 * 86400.0)
        await self.workers.load()
        self.jumps: list[float] = []  # by how much the clock was set, of which nobody was told yet
        self.registry = Registry(
            self.workers,
            self.catalogue,
            Patience(90.0, 300.0),
            self.clock,
            own_id="c1",
            jumped=lambda: self.jumps.pop() if self.jumps else 0.0,
        )
        self.planning = Planning(self.registry, self.workers, self.catalogue, self.clock)
        self.roster = Roster("run", grace=45.0)
        self.planning.expected = self.roster.expected
        self.registry.heard = lambda worker_id, registered: self.roster.arrived(worker_id) if registered else None
        self.moves: list[Move] = []
        self.planning.planned = self.moves.extend
        self.registry.mattered = self.planning.worker_changed
        self.registry.runs, self.registry.hands_over = self.planning.runs, self.planning.hands_over
        self.workers.changed = self.registry.enrolment_changed
        return self

    async def enrol(self, *worker_ids: str) -> None:
        for worker_id in worker_ids:
            enrolment = Enrolment(
                worker_id=worker_id,
                name=worker_id,
                identity_public_key=f"key of {worker_id}",
                invite_id="i",
                trust="volunteer",
                enrolled_at=self.clock.now,
            )
            line = self.audit.line("enrolled", actor="anonymous", subject=worker_id)
            assert await self.workers.admit(enrolment, Write("spent", b""), line)

    def join(self, worker_id: str, address: str = HERE, **capabilities: Any) -> tuple[str, ...]:
        request = RegisterRequest(
            worker_id=worker_id,
            capabilities=msgspec.structs.replace(PC, **capabilities),
            endpoints=Endpoints(port=8000, direct_hosts=(HERE, "192.168.1.20")),
        )
        self.registry.register(request, address)
        return self.planning.assigned(worker_id)

    def beat(self, worker_id: str, *running: str, **more: Any) -> tuple[str, ...]:
        reports = tuple(ServiceReport(name=name, state="running") for name in running)
        self.registry.heartbeat(HeartbeatRequest(worker_id=worker_id, services=reports, **more))
        return self.planning.assigned(worker_id)

    async def offered(self, service: str = "ner") -> set[str]:
        """Return who is found, which must be who is offered to all processes."""
        found = await self.registry.find(service)
        assert self.registry.offers().get(service, []) == found
        return {record.worker_id for record in found}

    def status(self, worker_id: str) -> str:
        member = self.registry.member(worker_id)
        return self.registry.status(member) if member else "gone"

    def expect(self, assigned: Mapping[str, tuple[str, ...]]) -> None:
        """Begin as after a restart: these had been given something."""
        self.planning.follow(assigned)
        self.roster.expect(assigned, self.clock.now)

    def tick(self) -> None:
        """Do what is done every second."""
        for worker_id in self.roster.tick(self.clock.now):
            self.planning.worker_changed(worker_id)
        self.registry.tick()
        self.planning.tick()
