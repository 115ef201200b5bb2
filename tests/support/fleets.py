"""Machines and services for tests of assignment, and a fleet that carries plans out as time goes by."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from coordinator_server.registry.assignment import History, Machine, Pace, Plan, assign
from node.wire.manifests import Catalogue, Manifest
from node.wire.messages import Capabilities, Gpu

GIB = 2**30
BEAT = 30.0  # seconds between two heartbeats


def machine(worker_id: str, **changes: Any) -> Machine:
    capabilities = {
        "cpu_cores": 4,
        "ram_bytes": 8 * GIB,
        "disk_free_bytes": 50 * GIB,
        **{name: changes.pop(name) for name in list(changes) if name in Capabilities.__struct_fields__},
    }
    return Machine(
        **{"worker_id": worker_id, "trust": "vetted", "capabilities": Capabilities(**capabilities), **changes}
    )


def gpu_machine(worker_id: str, **changes: Any) -> Machine:
    gpus = (Gpu(memory_bytes=12 * GIB),)
    return machine(worker_id, has_gpu=True, worker_type="gpu", gpus=gpus, **changes)


def service(name: str, **changes: Any) -> Manifest:
    return Manifest(name=name, title=name, **changes)


def where(found: Plan, name: str) -> set[str]:
    """Return who is told to run a service."""
    return {worker_id for worker_id, services in found.services.items() if name in services}


class Fleet:
    """Machines that do what they are told a heartbeat later, unless they are `slow`; time goes on with `beat`."""

    def __init__(
        self, machines: Iterable[Machine], *manifests: Manifest, most: int = 16, pace: Pace | None = None
    ) -> None:
        self.machines = {one.worker_id: dataclasses.replace(one, running=one.current) for one in machines}
        self.catalogue = Catalogue(manifests)
        self.most = most
        self.pace = pace or Pace()
        self.now = 1000.0
        self.history = History()
        self.slow: set[str] = set()  # machines that start nothing
        self.last = Plan()

    def plan(self) -> Plan:
        """Return what would be planned now."""
        fleet = list(self.machines.values())
        return assign(fleet, self.catalogue, self.most, history=self.history, now=self.now, pace=self.pace)

    def carry_out(self) -> Plan:
        """Plan, and tell everybody; nobody has started anything yet, but who shall stop has stopped."""
        self.last = found = self.plan()
        self.history = found.history
        for worker_id, one in self.machines.items():
            told = found.services[worker_id]
            runs = tuple(
                name for name in one.running or () if name in told and not (one.resting and not one.draining)
            )
            self.machines[worker_id] = dataclasses.replace(one, current=told, running=runs)
        return found

    def beat(self, seconds: float = BEAT) -> Plan:
        """Let what was told run, and plan anew after a while."""
        self.obey(seconds)
        return self.carry_out()

    def rounds(self, most: int = 30) -> int:
        """Return after how many more plans at this moment planning changes nothing; the fleet stays as it is."""
        twin, last = copy.copy(self), self.last
        twin.machines = dict(self.machines)
        for number in range(most):
            found = twin.carry_out()
            if (found.moves, found.services, found.handovers) == ((), last.services, last.handovers):
                return number
            last = found
        raise AssertionError("planning again and again changes something each time")

    def obey(self, seconds: float = BEAT) -> None:
        """Let time go by, and what was told run."""
        self.now += seconds
        for worker_id, one in self.machines.items():
            if worker_id not in self.slow and (not one.resting or one.draining):
                self.machines[worker_id] = dataclasses.replace(one, running=one.current)

    def settle(self) -> Plan:
        """Carry plans out until nothing is under way any more."""
        found = self.carry_out()
        for _ in range(50):
            if not found.moves and not found.handovers:
                return found
            found = self.beat(1.0)
        raise AssertionError("it never settles")

    def change(self, worker_id: str, **changes: Any) -> None:
        self.machines[worker_id] = dataclasses.replace(self.machines[worker_id], **changes)

    def running(self, name: str) -> set[str]:
        return {worker_id for worker_id, one in self.machines.items() if name in (one.running or ())}

    def sites(self, name: str) -> Sequence[str]:
        """Return the households of those that run a service."""
        return sorted(self.machines[worker_id].site for worker_id in self.running(name))
