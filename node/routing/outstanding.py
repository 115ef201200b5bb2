"""Our own requests in flight at each worker: what we have given out before any worker could tell its load."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

NONE: Mapping[str, int] = MappingProxyType({})


class Outstanding:
    """Counts per service and worker; a worker that has none takes no room."""

    def __init__(self) -> None:
        self._counts: dict[str, dict[str, int]] = {}

    def of(self, service: str) -> Mapping[str, int]:
        """Return the counts of one service by worker id, without the zeros."""
        return self._counts.get(service, NONE)

    def begin(self, service: str, worker_id: str) -> None:
        counts = self._counts.get(service)
        if counts is None:
            counts = self._counts[service] = {}
        counts[worker_id] = counts.get(worker_id, 0) + 1

    def end(self, service: str, worker_id: str) -> None:
        counts = self._counts[service]
        if counts[worker_id] > 1:
            counts[worker_id] -= 1
        else:
            del counts[worker_id]
