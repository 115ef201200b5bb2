"""Remembers for a while which addresses of workers do not answer, so that their other addresses are tried first."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from node.forwarding.interface import Target
from node.routing.candidates import Candidate

AVOIDED_FOR = 30.0  # seconds
MAX_AVOIDED = 4096


@dataclass(frozen=True, slots=True)
class Way:
    """The address of a worker that is tried first, and the better one that did not answer, if there is one."""

    target: Target
    avoided: Target | None = None
    avoided_until: float = 0.0


class AddressBook:
    """Orders a candidate's addresses: as given (vpn, direct, relay, tunnel), those that just failed last."""

    def __init__(self) -> None:
        self._avoided: OrderedDict[tuple[str, str], float] = OrderedDict()

    def ordered(self, candidate: Candidate, now: float) -> tuple[Target, ...]:
        if not self._avoided or len(candidate.targets) == 1:
            return candidate.targets
        worker_id, avoided = candidate.worker_id, self._avoided
        return tuple(sorted(candidate.targets, key=lambda item: avoided.get((worker_id, item.base_url), 0.0) > now))

    def others(self, candidate: Candidate, now: float) -> tuple[Target, ...]:
        """Return the addresses that have not failed lately."""
        worker_id, avoided = candidate.worker_id, self._avoided
        return tuple(item for item in candidate.targets if avoided.get((worker_id, item.base_url), 0.0) <= now)

    def due(self, candidate: Candidate, now: float) -> tuple[Target, ...]:
        """Return the addresses that failed so long ago that somebody should knock there; each is due once.

        Nobody's request has to try them: one that is dropped in silence would cost it a connect timeout each time.
        So they stay last until a knock is answered, where there is another one that has not failed.
        """
        if not self._avoided or len(candidate.targets) == 1:
            return ()
        worker_id, avoided = candidate.worker_id, self._avoided
        found = [item for item in candidate.targets if 0.0 < avoided.get((worker_id, item.base_url), 0.0) <= now]
        if not found or all((worker_id, item.base_url) in avoided for item in candidate.targets):
            return ()
        for target in found:
            self.failed(worker_id, target, now)
        return tuple(found)

    def way(self, candidate: Candidate, now: float) -> Way:
        """Return which address would be tried first, and in place of which other one."""
        first, best = self.ordered(candidate, now)[0], candidate.targets[0]
        if first is best:
            return Way(first)
        return Way(first, best, self._avoided[candidate.worker_id, best.base_url])

    def failed(self, worker_id: str, target: Target, now: float) -> None:
        self._avoided[worker_id, target.base_url] = now + AVOIDED_FOR
        self._avoided.move_to_end((worker_id, target.base_url))
        while len(self._avoided) > MAX_AVOIDED:
            self._avoided.popitem(last=False)

    def forget(self) -> None:
        """Give all addresses another chance, as the ways to them are others now."""
        self._avoided.clear()

    def worked(self, worker_id: str, target: Target) -> None:
        if self._avoided:
            self._avoided.pop((worker_id, target.base_url), None)
