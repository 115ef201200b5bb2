"""Who says that it runs a service, the least loaded first: kept up to date, so that few are looked at. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

LEVELS = 20  # of load; within one nobody is put before another


class Runners:
    """By service, workers in the order in which they came, and the same by their load."""

    def __init__(self) -> None:
        self._level: dict[str, dict[str, int]] = {}  # by service and worker
        self._at: dict[str, list[dict[str, None]]] = {}  # by service and level

    def __iter__(self) -> Iterator[str]:
        """Yield the services that somebody runs."""
        return iter(self._level)

    def of(self, service: str) -> Collection[str]:
        return self._level.get(service, {}).keys()

    def by_load(self, service: str) -> Iterator[str]:
        """Yield who runs a service, those with little load first."""
        return (worker_id for level in self._at.get(service, ()) for worker_id in level)

    def put(self, worker_id: str, services: Iterable[str], load: float) -> None:
        """Note that a worker runs these with so much load (0 to 1)."""
        level = min(LEVELS - 1, max(0, int(load * LEVELS)))
        for service in services:
            levels = self._level.setdefault(service, {})
            before = levels.get(worker_id)
            if before != level:
                at = self._at.get(service)
                if at is None:
                    at = self._at[service] = [{} for _ in range(LEVELS)]
                if before is not None:
                    del at[before][worker_id]
                levels[worker_id] = level
                at[level][worker_id] = None

    def turn(self, service: str, worker_ids: Iterable[str]) -> None:
        """Put others with as much load before these the next time."""
        levels, at = self._level.get(service, {}), self._at.get(service, ())
        for worker_id in worker_ids:
            level = at[levels[worker_id]]
            del level[worker_id]
            level[worker_id] = None

    def drop(self, worker_id: str, services: Iterable[str]) -> None:
        """Note that a worker runs these no more."""
        for service in services:
            levels = self._level.get(service, {})
            before = levels.pop(worker_id, None)
            if before is not None:
                del self._at[service][before][worker_id]
            if not levels:
                self._level.pop(service, None)
                self._at.pop(service, None)
