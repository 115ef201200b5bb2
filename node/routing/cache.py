"""The finger cache: per service the workers that offer it, looked up once however many ask at the same time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from node.program.tasks import TaskSet
from node.routing.candidates import Candidate
from node.routing.loads import Load, LoadBook, possible
from node.routing.ranking import Ranking
from node.routing.shared_call import SharedCalls
from node.routing.sources import Finding
from node.state import AskedSource

MAX_SERVICES = 512
MAX_CANDIDATES = 256  # per service
SHUNNED_FOR = 10.0  # seconds for which a lookup does not bring back who was just invalidated
MAX_SHUNNED = 4096
PAST = float("-inf")
STALE_IF_NONE = 300.0  # seconds for which what was known serves on while a lookup finds nothing

Find = Callable[[], Awaitable[Finding]]


@dataclass(slots=True)
class _Entry:
    ranking: Ranking = field(default_factory=Ranking)
    spared: Ranking = field(default_factory=Ranking)  # whom the last lookup found, but left out
    asked: tuple[AskedSource, ...] = ()
    looked_up_at: float = 0.0
    found_at: float = 0.0
    thorough_at: float | None = None
    emptied: bool = False  # nobody is known, but a lookup may find somebody, and is due at once
    fresh_until: float = PAST  # while somebody is known


@dataclass(frozen=True, slots=True)
class Cached:
    """What the cache knows; `hit` tells that no lookup had to be waited for."""

    ranking: Ranking
    hit: bool


@dataclass(frozen=True, slots=True)
class Shunned:
    """A worker that was invalidated a moment ago, and why; `candidate` is what was known of it."""

    worker_id: str
    until: float
    reason: str
    candidate: Candidate | None


@dataclass(frozen=True, slots=True)
class Knowledge:
    """All that the cache holds of one service, for whoever explains it; times are seconds."""

    candidates: tuple[Candidate, ...] = ()
    shunned: tuple[Shunned, ...] = ()
    asked: tuple[AskedSource, ...] = ()
    age: float | None = None
    fresh_for: float = 0.0
    stale_for: float = 0.0

    @property
    def over(self) -> bool:
        """Whether the next request would wait for a lookup."""
        return self.fresh_for + self.stale_for <= 0.0


class FingerCache:
    """Bounded by services and candidates, and every entry ends; `clock` gives seconds that never run backwards.

    A worker's load is what was known last, no matter whether a lookup, an answer or a heartbeat told it.
    """

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
        self._shunned: OrderedDict[tuple[str, str], Shunned] = OrderedDict()
        self._loads = LoadBook()
        self._tasks = TaskSet("finger-cache")
        self._lookups = SharedCalls(self._tasks)
        self._appearances = 0

    def __len__(self) -> int:
        """Return the number of services with at least one known worker."""
        return sum(1 for entry in self._entries.values() if len(entry.ranking))

    # --- asking ---------------------------------------------------------------------------------------------------

    def known(self, service: str, find: Find) -> Ranking | None:
        """Return the candidates of a service where no lookup has to be waited for; see `get`."""
        entry = self._entries.get(service)
        if entry is None:
            return None
        fresh, stale = self._left(entry)
        if fresh > 0.0:
            return entry.ranking
        if stale > 0.0:
            self._lookups.start(service, lambda: self._look_up(service, find))
            return entry.ranking
        return None

    def fresh(self, service: str, now: float) -> Ranking | None:
        """Return the candidates of a service that is known well, for which nothing needs to be looked up."""
        entry = self._entries.get(service)
        return entry.ranking if entry is not None and now < entry.fresh_until else None

    async def get(self, service: str, find: Find) -> Cached:
        """Return the candidates of a service, asking `find` when they are not known or no longer fresh."""
        ranking = self.known(service, find)
        if ranking is not None:
            return Cached(ranking, hit=True)
        await self._lookups.call(service, lambda: self._look_up(service, find))
        return Cached(self.ranking(service), hit=False)

    async def refresh(self, service: str, find: Find) -> None:
        """Ask `find` although something is known, but not more often than every `empty_ttl`.

        Where the last worker was invalidated since, it is asked at once: those may come back who failed before.
        """
        entry = self._entries.get(service)
        due = entry is None or entry.thorough_at is None or self._clock() - entry.thorough_at >= self._empty_ttl
        if due or (entry is not None and entry.emptied):
            await self._lookups.call(f"{service} thorough", lambda: self._look_up(service, find, thorough=True))

    def ranking(self, service: str) -> Ranking:
        """Return who is known to offer a service now; the cache goes on changing it."""
        entry = self._entries.get(service)
        return entry.ranking if entry is not None else Ranking()

    def spared(self, service: str) -> Ranking:
        """Return who is offered, as far as is known, but failed so lately that others are asked first."""
        entry = self._entries.get(service)
        return entry.spared if entry is not None else Ranking()

    def all_known(self) -> Iterator[tuple[str, Candidate]]:
        for service, entry in self._entries.items():
            for candidate in entry.ranking:
                yield service, candidate

    def knowledge(self, service: str) -> Knowledge:
        """Return what is held of a service; nothing is looked up and nothing changes."""
        now, entry = self._clock(), self._entries.get(service)
        shunned = tuple(item for (name, _), item in self._shunned.items() if name == service and item.until > now)
        if entry is None:
            return Knowledge(shunned=shunned)
        fresh, stale = self._left(entry)
        return Knowledge(tuple(entry.ranking), shunned, entry.asked, now - entry.looked_up_at, fresh, stale)

    # --- being told -----------------------------------------------------------------------------------------------

    def invalidate(self, service: str, worker_id: str, reason: str = "") -> None:
        """Forget a worker for one service, and for a while leave it out of lookups that find others."""
        entry = self._entries.get(service)
        candidate = entry.ranking.remove(worker_id) if entry is not None else None
        if entry is not None:
            entry.spared.remove(worker_id)
        before = self._shunned.get((service, worker_id))
        known = before.candidate if candidate is None and before is not None else candidate
        self._shun(Shunned(worker_id, self._clock() + SHUNNED_FOR, reason, known), service)
        if entry is not None and candidate is not None and not len(entry.ranking):
            entry.emptied, entry.fresh_until = True, PAST

    def invalidate_worker(self, worker_id: str, reason: str = "") -> None:
        """Forget a worker for every service that it is known for."""
        for service, entry in self._entries.items():
            if entry.ranking.get(worker_id) is not None or entry.spared.get(worker_id) is not None:
                self.invalidate(service, worker_id, reason)

    def appeared(self, services: Iterable[str]) -> None:
        """Believe no longer that nobody offers these: somebody does now, and the next request finds out who."""
        self._appearances += 1
        for service in services:
            entry = self._entries.get(service)
            if entry is not None and not len(entry.ranking):
                entry.emptied = True

    def expire(self) -> None:
        """Have every service looked up again when it is next asked for; until then what is known is stale."""
        latest = self._clock() - self._ttl
        for entry in self._entries.values():
            entry.looked_up_at, entry.fresh_until = min(entry.looked_up_at, latest), PAST

    def update_load(self, worker_id: str, load: float, service: str = "") -> None:
        """Note what a worker's load is now, for one service or for all; what is no load is not heard."""
        if not possible(load):
            return
        said = Load(load, self._clock())
        self._loads.note(worker_id, said, service)
        for name in (service,) if service else self._entries:
            entry = self._entries.get(name)
            candidate = entry.ranking.get(worker_id) if entry is not None else None
            if entry is not None and candidate is not None:
                entry.ranking.put(self._up_to_date(candidate, name))

    async def stop(self) -> None:
        await self._tasks.stop()

    # --- looking up -----------------------------------------------------------------------------------------------

    async def _look_up(self, service: str, find: Find, *, thorough: bool = False) -> None:
        before = self._appearances
        finding = await find()
        now = self._clock()
        entry = self._entries.setdefault(service, _Entry())
        self._entries.move_to_end(service)
        entry.looked_up_at, entry.asked = now, finding.asked
        entry.emptied = not finding.candidates and self._appearances != before  # while it was looked up
        if thorough:
            entry.thorough_at = now
        if finding.candidates:
            entry.ranking, entry.spared = self._taken(service, finding.candidates, now)
            entry.found_at = now
        elif now - entry.found_at > STALE_IF_NONE:
            entry.ranking, entry.spared = Ranking(), Ranking()
        entry.fresh_until = now + self._ttl if len(entry.ranking) else PAST
        while len(self._entries) > self._max_services:
            self._entries.popitem(last=False)

    def _taken(self, service: str, found: Sequence[Candidate], now: float) -> tuple[Ranking, Ranking]:
        """Return who is taken in of those that a lookup found, and who is left out for now because it failed."""
        shunned = {item.worker_id for item in found if self._is_shunned(service, item.worker_id, now)}
        wanted = [item for item in found if item.worker_id not in shunned]
        spared = [item for item in found if item.worker_id in shunned]
        if not wanted:
            wanted, spared = spared, wanted
        return self._ranked(service, wanted), self._ranked(service, spared)

    def _ranked(self, service: str, found: Sequence[Candidate]) -> Ranking:
        """Return candidates with the newest that is known of their loads."""
        found = found[:MAX_CANDIDATES]
        for candidate in found:
            self._loads.note(candidate.worker_id, candidate.said)
        return Ranking(self._up_to_date(candidate, service) for candidate in found)

    def _up_to_date(self, candidate: Candidate, service: str) -> Candidate:
        return candidate.told(self._loads.newest(candidate.worker_id, service, candidate.said))

    def _left(self, entry: _Entry) -> tuple[float, float]:
        """Return for how many seconds an entry is fresh, and how long after that it serves while it is renewed."""
        age = self._clock() - entry.looked_up_at
        if not len(entry.ranking):
            return (0.0 if entry.emptied else max(0.0, self._empty_ttl - age)), 0.0
        fresh = self._ttl - age
        return (fresh, self._stale) if fresh > 0.0 else (0.0, max(0.0, fresh + self._stale))

    def _is_shunned(self, service: str, worker_id: str, now: float) -> bool:
        shunned = self._shunned.get((service, worker_id))
        return shunned is not None and shunned.until > now

    def _shun(self, shunned: Shunned, service: str) -> None:
        self._shunned[service, shunned.worker_id] = shunned
        self._shunned.move_to_end((service, shunned.worker_id))
        while len(self._shunned) > MAX_SHUNNED:
            self._shunned.popitem(last=False)
