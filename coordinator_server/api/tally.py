"""What is summed up over the workers of a drawing, kept up to date with each that is drawn anew. Pure."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Set
from dataclasses import dataclass

from coordinator_server.api.shapes import TopologyWorker


@dataclass(slots=True)
class _Share:
    """The workers of one coordinator; loads are whole thousandths, so that no sum drifts."""

    workers: int = 0
    active: int = 0
    load: int = 0  # of the active ones together


class Tally:
    """Knows who is active for each service, and how many workers each coordinator has, and how loaded they are."""

    def __init__(self) -> None:
        self._shares: defaultdict[str, _Share] = defaultdict(_Share)
        self._running: defaultdict[str, list[str]] = defaultdict(list)  # sorted
        self._listed: dict[str, tuple[str, ...]] = {}  # the same, for services of which nothing has changed

    def change(self, before: TopologyWorker | None, after: TopologyWorker | None) -> None:
        """Count a worker as it is now, and no more as it was; None: it was not, or is not there."""
        self._count(before, -1)
        self._count(after, 1)
        old, new = _serves(before), _serves(after)
        for service in old - new:
            assert before is not None
            self._drop(service, before.id)
        for service in new - old:
            assert after is not None
            insort(self._running[service], after.id)
        for service in old ^ new:
            self._listed.pop(service, None)

    def running(self, service: str) -> tuple[str, ...]:
        """Return the ids of the active workers that run a service, sorted."""
        if service not in self._listed:
            self._listed[service] = tuple(self._running.get(service, ()))
        return self._listed[service]

    def share(self, coordinator_id: str) -> tuple[int, float]:
        """Return how many workers a coordinator has, and how loaded those are on average that are active."""
        share = self._shares.get(coordinator_id, _Share())
        return share.workers, round(share.load / 1000 / share.active, 3) if share.active else 0.0

    def _count(self, worker: TopologyWorker | None, sign: int) -> None:
        if worker is None:
            return
        share = self._shares[worker.coordinator]
        share.workers += sign
        if worker.status == "active":
            share.active += sign
            share.load += sign * round(worker.load * 1000)
        if not share.workers:
            del self._shares[worker.coordinator]

    def _drop(self, service: str, worker_id: str) -> None:
        names = self._running[service]
        del names[bisect_left(names, worker_id)]
        if not names:
            del self._running[service]


def _serves(worker: TopologyWorker | None) -> Set[str]:
    return frozenset(worker.services) if worker is not None and worker.status == "active" else frozenset()
