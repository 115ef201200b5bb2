"""Remembers for a while which addresses of workers do not answer, so that their other addresses are tried first.

An address that drops what comes in silence costs whoever tries it a connect timeout. So no request has to try one
that failed, nor one of which nothing is known while the relay would do: these are knocked at meanwhile.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from urllib.parse import urlsplit

from node.forwarding.interface import Target
from node.routing.candidates import Candidate

AVOIDED_FOR = 30.0  # seconds
MAX_AVOIDED = 4096
MAX_PROVED = 65_536
SILENT = ("vpn", "direct")  # routes whose addresses may lead nowhere, without a word


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
        self._proved: dict[tuple[str, str], None] = {}  # answered when they were in doubt

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
        """Return the addresses that somebody should knock at, each once in a while; until then they come last.

        There are none where no other address is left.
        """
        if len(candidate.targets) == 1:
            return ()
        worker_id, avoided = candidate.worker_id, self._avoided
        found = self._unproved(candidate)
        if avoided:
            found += [
                item for item in candidate.targets if 0.0 < avoided.get((worker_id, item.base_url), 0.0) <= now
            ]
            if found and all((worker_id, item.base_url) in avoided for item in candidate.targets):
                return ()
        for target in found:
            self.failed(worker_id, target, now)
        return tuple(found)

    def _unproved(self, candidate: Candidate) -> list[Target]:
        """Return the addresses of which nothing is known, where the relay would do instead."""
        found: list[Target] = []
        for target in candidate.targets:
            key = (candidate.worker_id, target.base_url)
            if target.route == "relay":
                if key not in self._avoided:
                    return found
                continue
            if target.route in SILENT and key not in self._proved and key not in self._avoided:
                if urlsplit(target.base_url).hostname in ("127.0.0.1", "::1"):
                    self._prove(key)  # this machine says at once what it is
                else:
                    found.append(target)
        return []

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
        self._proved.clear()

    def worked(self, worker_id: str, target: Target) -> None:
        if self._avoided and self._avoided.pop((worker_id, target.base_url), None) is not None:
            self._prove((worker_id, target.base_url))

    def _prove(self, key: tuple[str, str]) -> None:
        if len(self._proved) >= MAX_PROVED:
            del self._proved[next(iter(self._proved))]
        self._proved[key] = None
