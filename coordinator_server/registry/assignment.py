"""Who runs what, and why. Pure: the same input gives the same plan, and planning twice changes nothing.

What runs stays, unless its machine may not run it any more. Then, one place after the other: services that nobody
runs come first (those with the fewest machines to choose from before others), then the service that lacks the most
replicas; the machine with the least to do gets it. A machine that is full gives something up only for a service
that otherwise nobody would run, and only what runs elsewhere or can move there.

Volunteers' machines should not stand idle, so there may be more replicas than wanted, of services whose manifest
asks for two or more (one alone says that it keeps data which another would not know): a machine whose volunteer
named services runs all of those, and one that allows everything and has nothing to do gets the service with the
fewest replicas for what is wanted.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from node.wire.credentials import Trust
from node.wire.manifests import Catalogue, Manifest, Runtime
from node.wire.messages import Capabilities

RAM_SHARE = 0.8  # of a machine's memory that services may need together; one service alone may need all of it
STORAGE_BYTES = 100 * 10**9  # free disk space that makes any machine good for storage (SPEC §7)
RUNTIMES: frozenset[Runtime] = frozenset({"builtin"})  # what nodes of this version can run


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A worker as assignment sees it."""

    worker_id: str
    capabilities: Capabilities
    trust: Trust = "volunteer"
    covered: tuple[str, ...] = ()  # services that its invite covers; none means all
    current: tuple[str, ...] = ()  # what it was given before
    load: float = 0.0
    unwanted: tuple[str, ...] = ()  # services that its volunteer does not want to run now
    resting: str = ""  # why it gets nothing, in words that follow "it"; empty when it may work
    expected: bool = False  # not back yet after our restart: keeps what it has and gets nothing new


@dataclass(frozen=True, slots=True)
class Move:
    """One change, and why."""

    worker_id: str
    service: str
    action: Literal["start", "stop"]
    reason: str


@dataclass(frozen=True, slots=True)
class Shortage:
    """A service that has fewer machines than wanted, and why."""

    service: str
    wanted: int
    assigned: int
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What every machine shall run, what that changes, and what is still missing."""

    services: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    moves: tuple[Move, ...] = ()
    shortages: tuple[Shortage, ...] = ()


def assign(machines: Iterable[Machine], catalogue: Catalogue, most: int = 16) -> Plan:
    """Plan for all machines; `most` is the largest number of services on one."""
    board = Board(sorted(machines, key=lambda machine: machine.worker_id), catalogue, most)
    board.keep()
    board.fill()
    board.add_named()
    board.occupy_idle()
    return board.plan()


def unfit(machine: Machine, manifest: Manifest, kept: bool = False) -> str:
    """Return why a machine may not run a service, in words that follow "it", or an empty string.

    `kept` is for what it runs already, whose own use of the disk must not count against it.
    """
    capabilities, needs = machine.capabilities, manifest.requirements
    checks: Iterator[tuple[bool, str]] = iter(
        (
            (manifest.runtime not in RUNTIMES, f"cannot run {manifest.runtime} services"),
            (_not_in(manifest.name, machine.covered), "has an invite for other services"),
            (_not_in(manifest.name, capabilities.allowed_services), "is not allowed to by its volunteer"),
            (manifest.name in machine.unwanted, "rests by its volunteer's rules"),
            (manifest.data_class == "personal" and machine.trust != "vetted", "is not vetted for personal data"),
            (_misses_tier(capabilities, manifest, kept), f"is no {manifest.tier} machine"),
            (_gpu_memory(capabilities) < needs.gpu_memory_bytes, "has too little GPU memory"),
            (capabilities.ram_bytes < needs.ram_bytes, "has too little memory"),
            (max(capabilities.cpu_cores, capabilities.cpu_threads) < needs.cpu_cores, "has too few CPU cores"),
            (not kept and capabilities.disk_free_bytes < needs.disk_bytes, "has too little free disk space"),
        )
    )
    return next((reason for failed, reason in checks if failed), "")


class Board:
    """The working state of one planning: who holds what so far."""

    def __init__(self, machines: Sequence[Machine], catalogue: Catalogue, most: int) -> None:
        self._machines = machines
        self._manifests = catalogue.by_name()
        self._most = most
        self._held: dict[str, list[Manifest]] = {machine.worker_id: [] for machine in machines}
        self._count: Counter[str] = Counter()
        self._why: dict[tuple[str, str], str] = {}
        self._fitting: dict[str, list[Machine]] = {}  # by service: those that may run it, when asked first

    def keep(self) -> None:
        """Let every machine keep what it has and may still run."""
        for machine in self._machines:
            for name in machine.current:
                reason = self._why_not_kept(machine, self._manifests.get(name))
                if reason:
                    self._why[machine.worker_id, name] = reason
                else:
                    self._give(machine, self._manifests[name], "")

    def fill(self) -> None:
        """Give every service a place, then its wanted number of them, as far as there are machines."""
        hopeless: set[str] = set()
        while (manifest := self._neediest(hopeless)) is not None:
            machine = self._best(manifest)
            gap = self._count[manifest.name] == 0
            if machine is None and gap and (machine := self._make_room(manifest)) is not None:
                hopeless.clear()  # what moved may have left a place
            if machine is None:
                hopeless.add(manifest.name)
                continue
            self._give(machine, manifest, "nobody ran it" if gap else "it has fewer replicas than wanted")

    def add_named(self) -> None:
        """Give machines what their volunteers named."""
        for machine in self._machines:
            for name in machine.capabilities.allowed_services:
                manifest = self._manifests.get(name)
                if manifest is not None and _may_have_more(manifest) and self._can_take(machine, manifest):
                    self._give(machine, manifest, "its volunteer named it")

    def occupy_idle(self) -> None:
        """Give one service to each machine that would otherwise have none."""
        for machine in self._machines:
            if self._held[machine.worker_id] or machine.resting or machine.expected:
                continue
            possible = [
                manifest
                for manifest in self._manifests.values()
                if _may_have_more(manifest) and self._can_take(machine, manifest)
            ]
            if possible:
                rarest = min(possible, key=lambda m: (self._count[m.name] / m.replicas, m.name))
                self._give(machine, rarest, "it has nothing else to do")

    def plan(self) -> Plan:
        """Return the result as values."""
        services = {worker_id: tuple(m.name for m in held) for worker_id, held in self._held.items()}
        moves = [
            *(move for machine in self._machines for move in self._stops(machine, services[machine.worker_id])),
            *(move for machine in self._machines for move in self._starts(machine, services[machine.worker_id])),
        ]
        shortages = [
            Shortage(m.name, m.replicas, self._count[m.name], self._why_short(m))
            for m in self._manifests.values()
            if self._count[m.name] < m.replicas
        ]
        return Plan(services, tuple(moves), tuple(shortages))

    def _why_not_kept(self, machine: Machine, manifest: Manifest | None) -> str:
        if manifest is None:
            return "it is not in the catalogue any more"
        if machine.resting:
            return f"the machine {machine.resting}"
        if manifest.replicas == 0:
            return "it is switched off"
        if manifest.replicas == 1 and self._count[manifest.name] >= 1:
            return "another machine runs it, and two would not know of one another's data"
        if manifest in self._held[machine.worker_id]:
            return "it runs already"
        why = "" if machine.expected else unfit(machine, manifest, kept=True)
        return f"the machine {why}" if why else ""

    def _neediest(self, hopeless: set[str]) -> Manifest | None:
        short = [
            manifest
            for manifest in self._manifests.values()
            if self._count[manifest.name] < manifest.replicas and manifest.name not in hopeless
        ]
        return min(short, key=self._need, default=None)

    def _need(self, manifest: Manifest) -> tuple[bool, int, str]:
        count = self._count[manifest.name]
        urgency = count - manifest.replicas if count else len(self._able(manifest))
        return (count > 0, urgency, manifest.name)

    def _able(self, manifest: Manifest) -> Sequence[Machine]:
        """Return the machines that may run a service, whether or not they have room."""
        if manifest.name not in self._fitting:
            awake = (machine for machine in self._machines if not machine.resting and not machine.expected)
            self._fitting[manifest.name] = [machine for machine in awake if not unfit(machine, manifest)]
        return self._fitting[manifest.name]

    def _best(self, manifest: Manifest) -> Machine | None:
        open_to_it = (machine for machine in self._able(manifest) if self._has_room(machine, manifest))
        return min(open_to_it, key=lambda machine: self._burden(machine, manifest), default=None)

    def _burden(self, machine: Machine, manifest: Manifest) -> tuple[int, bool, float, str]:
        """Order machines: the fewest services, then those of the service's own tier, then the least load."""
        other_tier = machine.capabilities.worker_type != manifest.tier
        return (len(self._held[machine.worker_id]), other_tier, machine.load, machine.worker_id)

    def _can_take(self, machine: Machine, manifest: Manifest) -> bool:
        if machine.resting or machine.expected or unfit(machine, manifest):
            return False
        return self._has_room(machine, manifest)

    def _has_room(self, machine: Machine, manifest: Manifest) -> bool:
        held = self._held[machine.worker_id]
        if manifest in held or len(held) >= self._most:
            return False
        if not held:
            return True
        together = [*held, manifest]
        ram = sum(m.requirements.ram_bytes for m in together)
        gpu = sum(m.requirements.gpu_memory_bytes for m in together)
        capabilities = machine.capabilities
        return ram <= capabilities.ram_bytes * RAM_SHARE and gpu <= _gpu_memory(capabilities)

    def _make_room(self, manifest: Manifest) -> Machine | None:
        """Take from one machine what others run too, or can run, until a service that nobody runs has a place.

        Nobody's last replica is lost by it, so there is one gap less each time, and an end to it.
        """
        for machine in sorted(self._able(manifest), key=lambda machine: self._burden(machine, manifest)):
            undo: list[Callable[[], None]] = []
            for victim in sorted(self._held[machine.worker_id], key=self._surplus, reverse=True):
                undo += self._move_away(machine, victim, f"{manifest.name} had no other place")
                if self._has_room(machine, manifest):
                    return machine
            for step in reversed(undo):
                step()
        return None

    def _move_away(self, machine: Machine, victim: Manifest, reason: str) -> Sequence[Callable[[], None]]:
        """Take a service from a machine if it has another place; return how to undo that."""
        other = None
        if self._count[victim.name] < 2:
            other = self._best(victim)
            if other is None:
                return ()
        self._take(machine, victim)
        self._why[machine.worker_id, victim.name] = reason
        undo = [functools.partial(self._put, machine, victim)]
        if other is not None:
            self._give(other, victim, f"its machine was needed: {reason}")
            undo.append(functools.partial(self._take, other, victim))
        return undo

    def _surplus(self, manifest: Manifest) -> tuple[int, str]:
        return (self._count[manifest.name] - manifest.replicas, manifest.name)

    def _give(self, machine: Machine, manifest: Manifest, reason: str) -> None:
        self._put(machine, manifest)
        if reason:
            self._why[machine.worker_id, manifest.name] = reason

    def _put(self, machine: Machine, manifest: Manifest) -> None:
        self._held[machine.worker_id].append(manifest)
        self._count[manifest.name] += 1

    def _take(self, machine: Machine, manifest: Manifest) -> None:
        self._held[machine.worker_id].remove(manifest)
        self._count[manifest.name] -= 1

    def _stops(self, machine: Machine, services: tuple[str, ...]) -> Iterator[Move]:
        for name in dict.fromkeys(machine.current):
            if name not in services:
                yield Move(machine.worker_id, name, "stop", self._why.get((machine.worker_id, name), ""))

    def _starts(self, machine: Machine, services: tuple[str, ...]) -> Iterator[Move]:
        for name in services:
            if name not in machine.current:
                yield Move(machine.worker_id, name, "start", self._why.get((machine.worker_id, name), ""))

    def _why_short(self, manifest: Manifest) -> str:
        if not self._machines:
            return "No worker is registered."
        reasons = Counter(
            machine.resting or unfit(machine, manifest) or "is full"
            for machine in self._machines
            if not machine.expected and manifest not in self._held[machine.worker_id]
        )
        if not reasons:
            return "Every worker that is here runs it already."
        told = "; ".join(f"the machine {reason} ({count})" for reason, count in reasons.most_common())
        return f"Reasons: {told}."


def _not_in(name: str, names: tuple[str, ...]) -> bool:
    return bool(names) and name not in names


def _may_have_more(manifest: Manifest) -> bool:
    return manifest.replicas >= 2


def _misses_tier(capabilities: Capabilities, manifest: Manifest, kept: bool) -> bool:
    match manifest.tier:
        case "gpu":
            return not capabilities.has_gpu
        case "storage":
            big = capabilities.disk_free_bytes > STORAGE_BYTES
            return not (big or kept or capabilities.worker_type == "storage")
        case "edge":
            return capabilities.worker_type != "edge" and not capabilities.has_public_ip
        case _:
            return False


def _gpu_memory(capabilities: Capabilities) -> int:
    return sum(gpu.memory_bytes for gpu in capabilities.gpus if gpu.usable)
