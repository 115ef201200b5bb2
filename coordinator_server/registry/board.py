"""The working state of one planning: who holds what so far, and who would be the best to get more."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from coordinator_server.registry import fitness
from coordinator_server.registry.fitness import unfit
from coordinator_server.registry.machines import Machine
from coordinator_server.registry.plans import History
from node.wire.manifests import Catalogue, Manifest

SITE_COST = 3  # a replica in the same household is as bad as this many more services on one machine
OWNER_COST = 2  # and one with the same owner elsewhere as this many

Burden = tuple[bool, bool, int, int, bool, float, str]
Note = tuple[str, str | None]  # why a machine has or gives up a service, and who takes it over


class Board:
    """Who holds what so far. What `_take` frees may make machines better again, `_put` only makes them worse."""

    def __init__(
        self,
        machines: Sequence[Machine],
        catalogue: Catalogue,
        most: int,
        history: History,
        overloaded: Collection[str] = (),
    ) -> None:
        """`overloaded` names the machines that have been so for long."""
        self.machines = machines
        self.manifests: Mapping[str, Manifest] = catalogue.by_name()
        self.history = history
        self.shunned = dict(
            history.shunned
        )  # worker id and service: until when it gets it only where nobody else can
        self.by_id = {machine.worker_id: machine for machine in machines}
        self.held: dict[str, list[Manifest]] = {machine.worker_id: [] for machine in machines}
        self.holders: dict[str, dict[str, Machine]] = {name: {} for name in self.manifests}
        self.targets: dict[tuple[str, str], str] = {}  # source and service: who takes it over
        self._why: dict[tuple[str, str], str] = {}
        self._most = most
        self._overloaded = frozenset(overloaded)
        self._sites: dict[str, Counter[str]] = {name: Counter() for name in self.manifests}
        self._owners: dict[str, Counter[str]] = {name: Counter() for name in self.manifests}
        self._fitting: dict[str, list[Machine]] = {}  # by service: those that may run it, when asked first
        self._queues: dict[str, list[tuple[Burden, Machine]]] = {}  # by service: heaps of those with room

    # --- what is asked ----------------------------------------------------------------------------------------

    def count(self, name: str) -> int:
        return len(self.holders[name])

    def sites_of(self, name: str) -> Mapping[str, int]:
        """Return how many replicas each household has, of those that are known."""
        return self._sites[name]

    def why(self, worker_id: str, name: str) -> str:
        return self._why.get((worker_id, name), "")

    def notes(self, machines: Iterable[Machine | None], manifest: Manifest) -> dict[str, Note]:
        """Return what is remembered of a service on some machines, by worker id."""
        keys = [(machine.worker_id, manifest.name) for machine in machines if machine is not None]
        return {key[0]: (self._why.get(key, ""), self.targets.get(key)) for key in keys}

    def explain(self, worker_id: str, name: str, reason: str) -> None:
        self._why[worker_id, name] = reason

    def recall(self, notes: Mapping[str, Note], manifest: Manifest) -> None:
        """Remember again what was noted of machines that hand the service over to nobody now."""
        for worker_id, (reason, target) in notes.items():
            self._why[worker_id, manifest.name] = reason
            if target is not None:
                self.targets[worker_id, manifest.name] = target

    def able(self, manifest: Manifest) -> Sequence[Machine]:
        """Return the machines that may run a service, whether or not they have room."""
        found = self._fitting.get(manifest.name)
        if found is None:
            found = [machine for machine in self.machines if machine.awake and not unfit(machine, manifest)]
            self._fitting[manifest.name] = found
        return found

    def can_take(self, machine: Machine, manifest: Manifest) -> bool:
        return machine.awake and not unfit(machine, manifest) and self.has_room(machine, manifest)

    def has_room(self, machine: Machine, manifest: Manifest) -> bool:
        return fitness.has_room(machine, self.held[machine.worker_id], manifest, self._most)

    def has_room_without(self, machine: Machine, victim: Manifest, manifest: Manifest) -> bool:
        """Say whether there would be room if one service went."""
        rest = [held for held in self.held[machine.worker_id] if held is not victim]
        return fitness.has_room(machine, rest, manifest, self._most)

    def fits_beside(self, machine: Machine, held: Sequence[Manifest], manifest: Manifest) -> bool:
        return fitness.has_room(machine, held, manifest, self._most)

    def is_overloaded(self, machine: Machine) -> bool:
        return machine.worker_id in self._overloaded

    def is_shunned(self, machine: Machine, manifest: Manifest) -> bool:
        """Say whether a service was taken from a machine lately, or could not be got to run there."""
        return (machine.worker_id, manifest.name) in self.shunned

    def best(self, manifest: Manifest) -> Machine | None:
        """Return the machine with room that a service burdens the least.

        Burdens only grow while services are given, so the head of a heap whose burden is still right is the least.
        """
        queue = self._queues.get(manifest.name)
        if queue is None:
            queue = [(self.burden(machine, manifest), machine) for machine in self.able(manifest)]
            heapq.heapify(queue)
            self._queues[manifest.name] = queue
        while queue:
            burden, machine = queue[0]
            if not self.has_room(machine, manifest):
                heapq.heappop(queue)
            elif (now := self.burden(machine, manifest)) == burden:
                return machine
            else:
                heapq.heapreplace(queue, (now, machine))
        return None

    def place_for(self, manifest: Manifest) -> Machine | None:
        """Return where a service can move to make room for another."""
        machine = self.best(manifest)
        return None if machine is None or self.is_shunned(machine, manifest) else machine

    def burden(self, machine: Machine, manifest: Manifest) -> Burden:
        """Order machines: few services, and no replica in that household or of that owner, come first.

        Then it is the service's own tier, then the least load. Who is overloaded, or where it failed, comes last.
        """
        name, worker_id = manifest.name, machine.worker_id
        at_site = self._sites[name].get(machine.site, 0)  # nobody is counted at the one that is not known
        of_owner = self._owners[name].get(machine.owner, 0)
        cost = len(self.held[worker_id]) + (SITE_COST if at_site else 0) + (OWNER_COST if of_owner else 0)
        other_tier = machine.capabilities.worker_type != manifest.tier
        shunned = (worker_id, name) in self.shunned if self.shunned else False
        overloaded = worker_id in self._overloaded
        return (shunned, overloaded, cost, at_site + of_owner, other_tier, machine.load, worker_id)

    def who_else(self, machine: Machine, manifest: Manifest) -> Machine | None:
        """Return who has a service as well, rather one that does not run it yet."""
        others = (one for one in self.holders[manifest.name].values() if one is not machine)
        return min(others, key=lambda one: (one.runs(manifest.name), one.worker_id), default=None)

    def short(self) -> Iterator[Manifest]:
        """Yield the services that have fewer places than wanted."""
        return (manifest for manifest in self.manifests.values() if self.count(manifest.name) < manifest.replicas)

    # --- what is done -----------------------------------------------------------------------------------------

    def give(self, machine: Machine, manifest: Manifest, reason: str = "") -> None:
        """Give a machine a service, and remember why."""
        name, worker_id = manifest.name, machine.worker_id
        self.held[worker_id].append(manifest)
        self.holders[name][worker_id] = machine
        self._mark(machine, name, 1)
        self.targets.pop((worker_id, name), None)
        if reason:
            self._why[worker_id, name] = reason

    def take(self, machine: Machine, manifest: Manifest, reason: str, target: Machine | None = None) -> None:
        """Take a service from a machine, for `target` to take it over where there is one."""
        name, worker_id = manifest.name, machine.worker_id
        self.held[worker_id].remove(manifest)
        del self.holders[name][worker_id]
        self._mark(machine, name, -1)
        self._why[worker_id, name] = reason
        if target is not None:
            self.targets[worker_id, name] = target.worker_id
        self._queues.clear()

    def _mark(self, machine: Machine, name: str, step: int) -> None:
        if machine.site:
            self._sites[name][machine.site] += step
        if machine.owner:
            self._owners[name][machine.owner] += step


def may_have_more(manifest: Manifest) -> bool:
    """Say whether there may be more replicas than wanted: one alone has data that another would not know."""
    return manifest.replicas >= 2
