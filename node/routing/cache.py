"""The finger cache: per service the workers that offer it, looked up once however many ask at the same time."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field

from node.program.tasks import TaskSet
from node.routing.candidates import Candidate
from node.routing.shared_call import SharedCalls

MAX_SERVICES = 512
MAX_CANDIDATES = 256  # per service
SHUNNED_FOR = 10.0  # seconds for which a lookup does not bring back who was just invalidated
MAX_SHUNNED = 4096
STALE_IF_NONE = 300.0  # seconds for which what was known serves on while a lookup finds nothing

Find = Callable[[], Awaitable[Sequence[Candidate]]]


@dataclass(slots=True)
class _Entry:
    candidates: dict[str, Candidate] = field(default_factory=dict)
    looked_up_at: float = 0.0
    found_at: float = 0.0
    thorough_at: float | None = None


@dataclass(frozen=True, slots=True)
class Cached:
    """What the cache knows; `hit` tells that no lookup had to be waited for."""

    candidates: tuple[Candidate, ...]
    hit: bool


class FingerCache:
    """Bounded by services and candidates, and every entry ends; `clock` gives seconds that never run backwards."""

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        ttl: float = 60.0,
        empty_ttl: float = 1.0,
        stale_while_revalidate: float = 0.0,
        max_services: int = MAX_SERVICES,
    ) -> None:
        self._clock = clock
        self._ttl = ttl
        self._empty_ttl = empty_ttl
        self._stale = stale_while_revalidate
        self._max_services = max_services
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._shunned: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._tasks = TaskSet("finger-cache")
        self._lookups = SharedCalls(self._tasks)

    def __len__(self) -> int:
        """Return the number of services with at least one known worker."""
        return sum(1 for entry in self._entries.values() if entry.candidates)

    async def get(self, service: str, find: Find) -> Cached:
        """Return the candidates of a service, asking `find` when they are not known or no longer fresh."""
        entry = self._entries.get(service)
        if entry is not None:
            age = self._clock() - entry.looked_up_at
            if age < (self._ttl if entry.candidates else self._empty_ttl):
                return Cached(tuple(entry.candidates.values()), hit=True)
            if entry.candidates and age < self._ttl + self._stale:
                self._lookups.start(service, lambda: self._look_up(service, find))
                return Cached(tuple(entry.candidates.values()), hit=True)
        await self._lookups.call(service, lambda: self._look_up(service, find))
        return Cached(self.known(service), hit=False)

    async def refresh(self, service: str, find: Find) -> tuple[Candidate, ...]:
        """Ask `find` although something is known, but not more often than every `empty_ttl`."""
        entry = self._entries.get(service)
        if entry is None or entry.thorough_at is None or self._clock() - entry.thorough_at >= self._empty_ttl:
            await self._lookups.call(f"{service} thorough", lambda: self._look_up(service, find, thorough=True))
        return self.known(service)

    def known(self, service: str) -> tuple[Candidate, ...]:
        entry = self._entries.get(service)
        return tuple(entry.candidates.values()) if entry else ()

    def all_known(self) -> Iterator[tuple[str, Candidate]]:
        for service, entry in self._entries.items():
            for candidate in entry.candidates.values():
                yield service, candidate

    def invalidate(self, service: str, worker_id: str) -> None:
        """Forget a worker for one service, and for a while leave it out of lookups that find others."""
        self._shun(service, worker_id)
        entry = self._entries.get(service)
        if entry is not None and worker_id in entry.candidates:
            del entry.candidates[worker_id]
            if not entry.candidates:
                entry.looked_up_at = self._clock() - max(self._ttl, self._empty_ttl)  # ask anew at once

    def invalidate_worker(self, worker_id: str) -> None:
        """Forget a worker for every service."""
        for service in list(self._entries):
            self.invalidate(service, worker_id)

    def forget(self, service: str) -> None:
        """Know nothing of a service any more, good or bad."""
        self._entries.pop(service, None)
        for key in [key for key in self._shunned if key[0] == service]:
            del self._shunned[key]

    def update_load(self, worker_id: str, load: float, service: str | None = None) -> None:
        """Note a worker's newest load, for one service or for all."""
        for name in (service,) if service else tuple(self._entries):
            entry = self._entries.get(name)
            candidate = entry.candidates.get(worker_id) if entry else None
            if entry is not None and candidate is not None and candidate.load != load:
                entry.candidates[worker_id] = dataclasses.replace(candidate, load=load)

    async def stop(self) -> None:
        await self._tasks.stop()

    async def _look_up(self, service: str, find: Find, *, thorough: bool = False) -> None:
        found = await find()
        now = self._clock()
        entry = self._entries.setdefault(service, _Entry())
        self._entries.move_to_end(service)
        entry.looked_up_at = now
        if thorough:
            entry.thorough_at = now
        if found:
            wanted = [item for item in found if self._shunned.get((service, item.worker_id), now) <= now] or found
            entry.candidates = {item.worker_id: item for item in wanted[:MAX_CANDIDATES]}
            entry.found_at = now
        elif now - entry.found_at > STALE_IF_NONE:
            entry.candidates = {}
        while len(self._entries) > self._max_services:
            self._entries.popitem(last=False)

    def _shun(self, service: str, worker_id: str) -> None:
        self._shunned[service, worker_id] = self._clock() + SHUNNED_FOR
        self._shunned.move_to_end((service, worker_id))
        while len(self._shunned) > MAX_SHUNNED:
            self._shunned.popitem(last=False)
