"""Counts how requests to workers end, and says whose end badly."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from coordinator_server.probation.standing import Tally, Terms, too_wrong
from coordinator_server.registry.registry import Registry

WRONG = frozenset({500, 502, 504, *range(505, 600)})
MOST = 100_000  # pairs of worker and service that are counted

Pair = tuple[str, str]  # worker, service


class Endings:
    """By worker and service, how many requests ended well and badly of late."""

    def __init__(self, registry: Registry, clock: Callable[[], float], terms: Terms) -> None:
        self._registry = registry
        self._clock = clock
        self._terms = terms
        self._tallies: dict[Pair, Tally] = {}

    def ended(self, service: str, worker_id: str | None, status: int, count: int = 1) -> None:
        """Count requests that a worker has answered with this status."""
        if worker_id:
            wrong = count if status in WRONG else 0
            self._count((worker_id, service), 0 if wrong else count, wrong)

    def broke_off(self, worker_id: str) -> None:
        """Count a request to a worker that came to nothing, whatever it was for."""
        member = self._registry.member(worker_id)
        for service in member.running if member is not None else ():
            self._count((worker_id, service), 0, 1)

    def _count(self, pair: Pair, right: int, wrong: int) -> None:
        tally = self._tallies.get(pair)
        if tally is None:
            if len(self._tallies) >= MOST:
                return
            tally = self._tallies[pair] = Tally(self._clock())
        tally.count(right, wrong, self._clock(), self._terms.window)

    def accused(self, now: float) -> Iterator[tuple[Pair, str]]:
        """Yield whose requests end badly, and worse than those of others, and why; they are counted anew."""
        suspects = [(pair, tally) for pair, tally in self._tallies.items() if tally.wrong and self.is_ours(*pair)]
        if not suspects:
            return
        every = self._totals()
        for pair, tally in suspects:
            tally.turn(now, self._terms.window)
            count, wrong = every[pair[1]]
            reason = too_wrong(tally, max(0, count - tally.all), max(0, wrong - tally.all_wrong), self._terms)
            if reason:
                self.drop(pair)
                yield pair, reason

    def _totals(self) -> Mapping[str, tuple[int, int]]:
        """Return for each service how many requests were counted, and how many of them ended badly."""
        found: dict[str, tuple[int, int]] = {}
        for (_, service), tally in self._tallies.items():
            count, wrong = found.get(service, (0, 0))
            found[service] = (count + tally.all, wrong + tally.all_wrong)
        return found

    def is_ours(self, worker_id: str, service: str) -> bool:
        """Say whether a worker that talks to us runs a service."""
        member = self._registry.member(worker_id)
        return member is not None and service in member.running

    def drop(self, pair: Pair) -> None:
        """Forget how requests ended so far."""
        self._tallies.pop(pair, None)

    def pardon(self, worker_id: str) -> None:
        """Forget how all of a worker's ended."""
        self._tallies = {pair: tally for pair, tally in self._tallies.items() if pair[0] != worker_id}

    def keep(self, here: Collection[str]) -> None:
        """Forget those of all others."""
        self._tallies = {pair: tally for pair, tally in self._tallies.items() if pair[0] in here}
