"""Keeps a picture of the whole mesh; a look takes in what is new since the last one, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import TypeVar

import msgspec

from coordinator_server.api.drawing import draw_coordinators, draw_link, draw_services, draw_worker
from coordinator_server.api.shapes import (
    Gap,
    Topology,
    TopologyChange,
    TopologyCoordinator,
    TopologyDelta,
    TopologyLink,
    TopologyRemoval,
    TopologyService,
    TopologyWorker,
    WorkerCounts,
)
from coordinator_server.api.tally import Tally
from coordinator_server.application import Coordinator

MOST = 250  # workers that one look takes in: some 4 ms
MANY = 1000  # names of workers with a service, for each of which ...
PAUSE = 0.2  # ... seconds pass until all of them are told again

Item = TypeVar("Item")
Difference = tuple[tuple[Item, ...], tuple[str, ...]]  # what is new or different, and the keys of what is gone


class Picture:
    """The mesh as it was at the last look; `differs` is to be told of workers that came, went or changed."""

    def __init__(
        self, coordinator: Coordinator, version: str, steady: Callable[[], float] = time.monotonic
    ) -> None:
        """`steady` gives seconds of a clock that is never set."""
        self._coordinator = coordinator
        self._version = version
        self._steady = steady
        here = chain(coordinator.registry.members(), coordinator.everybody.members())
        self._due = {member.worker_id for member in here}
        self._workers: dict[str, TopologyWorker] = {}
        self._tally = Tally()
        self._coordinators: Mapping[str, TopologyCoordinator] = {}
        self._services: Mapping[str, TopologyService] = {}
        self._rest_until: dict[str, float] = {}  # by service
        self._looked_at = 0.0
        self._whole: Topology | None = None

    def differs(self, worker_id: str) -> None:
        """Hear of a worker that may have to be drawn anew; who came and went unseen is nobody's business."""
        if worker_id in self._workers or self._coordinator.everybody.member(worker_id) is not None:
            self._due.add(worker_id)
        else:
            self._due.discard(worker_id)

    @property
    def is_far_behind(self) -> bool:
        """True when more is due than one look takes in."""
        return len(self._due) > MOST

    def look(self) -> TopologyDelta:
        """Take in what is new, of `MOST` workers at most, and return it; its number is the stream's business."""
        self._coordinator.planning.plan_if_due()
        self._looked_at = self._coordinator.clock()
        workers, links = self._take_due()
        coordinators, services = self._take_coordinators(), self._take_services()
        delta = TopologyDelta(
            sequence=0,
            timestamp=self._looked_at,
            changed=TopologyChange(
                coordinators=coordinators[0], workers=workers[0], services=services[0], links=links[0]
            ),
            removed=TopologyRemoval(
                coordinators=coordinators[1], workers=workers[1], services=services[1], links=links[1]
            ),
        )
        if not delta.is_empty:
            self._whole = None
        return delta

    def topology(self) -> Topology:
        """Return all as it was told until now: of what is newer, who comes could miss that it was taken back."""
        if self._whole is None:
            self._workers = {name: self._workers[name] for name in sorted(self._workers)}  # most are already
            workers = tuple(self._workers.values())
            self._whole = Topology(
                coordinator=self._coordinator.coordinator_id,
                version=self._version,
                sequence=0,
                timestamp=0.0,
                coordinators=tuple(self._coordinators.values()),
                workers=workers,
                services=tuple(self._services.values()),
                links=tuple(map(draw_link, workers)),
            )
        return msgspec.structs.replace(self._whole, timestamp=self._looked_at)

    def _take_due(self) -> tuple[Difference[TopologyWorker], Difference[TopologyLink]]:
        """Draw some of those that are due as they are now; return what is new of them and of the links to them."""
        names = sorted(self._due.pop() for _ in range(min(MOST, len(self._due))))
        before = {name: self._workers[name] for name in names if name in self._workers}
        drawn = (draw_worker(self._coordinator, name) for name in names)
        after = {worker.id: worker for worker in drawn if worker is not None}
        for name in names:
            self._tally.change(before.get(name), after.get(name))
            if name in after:
                self._workers[name] = after[name]
            else:
                self._workers.pop(name, None)
        return difference(before, after), difference(_links(before), _links(after))

    def _take_coordinators(self) -> Difference[TopologyCoordinator]:
        found = draw_coordinators(self._coordinator, self._tally)
        before, self._coordinators = self._coordinators, {one.id: one for one in found}
        return difference(before, self._coordinators)

    def _take_services(self) -> Difference[TopologyService]:
        found = draw_services(self._coordinator, self._tally)
        before, self._services = self._services, {one.name: one for one in self._rested(found)}
        return difference(before, self._services)

    def _rested(self, services: Iterable[TopologyService]) -> Iterator[TopologyService]:
        """Yield services as they are, or for a while as they were told last: who runs one is named each time."""
        now = self._steady()
        for service in services:
            before = self._services.get(service.name)
            if before is not None and now < self._rest_until.get(service.name, now):
                yield before
            else:
                if service != before:
                    self._rest_until[service.name] = now + service.healthy // MANY * PAUSE
                yield service


def difference(before: Mapping[str, Item], after: Mapping[str, Item]) -> Difference[Item]:
    """Return what is new or different, and the keys of what is gone."""
    changed = tuple(item for key, item in after.items() if before.get(key) != item)
    return changed, tuple(key for key in before if key not in after)


def count_workers(coordinator: Coordinator) -> WorkerCounts:
    """Count the workers of the mesh, and those of them that are heard from."""
    registry = coordinator.registry
    far = [row.facts.stale for _, row in coordinator.everybody.far()]
    total = len(registry) + len(far)
    silent_since = coordinator.clock() - coordinator.config.worker_stale
    stale = sum(member.last_seen <= silent_since for member in registry.members()) + sum(far)
    return WorkerCounts(total=total, active=total - stale, stale=stale)


def find_gaps(topology: Topology) -> list[Gap]:
    """Return the services that fewer workers run than wanted, with the reason."""
    return [
        Gap(service=service.name, wanted=service.wanted, running=service.healthy, reason=service.reason)
        for service in topology.services
        if service.healthy < service.wanted
    ]


def _links(workers: Mapping[str, TopologyWorker]) -> Mapping[str, TopologyLink]:
    return {f"{worker.coordinator}>{worker.id}": draw_link(worker) for worker in workers.values()}
