"""One try at one worker: from the first of its addresses to an answer that has begun."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from node.forwarding.interface import (
    Callee,
    ConnectFailed,
    Exchange,
    Forwarder,
    ForwardingError,
    Limits,
    Upstream,
    UpstreamTimeout,
)
from node.routing.admission import Gates
from node.routing.breaker import Breakers
from node.routing.cache import FingerCache
from node.routing.candidates import Candidate
from node.routing.failures import Failure, FailureKind
from node.routing.outstanding import Outstanding
from node.routing.retry import RetryBudget
from node.routing.selection import Selector
from node.routing.settings import RoutingSettings
from node.routing.sources import Finder
from node.routing.stats import RoutingCounters
from node.routing.targets import AddressBook
from node.wire.messages import Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What all requests of one router share."""

    worker_id: str
    settings: RoutingSettings
    forwarder: Forwarder
    finder: Finder
    cache: FingerCache
    breakers: Breakers
    selector: Selector
    budget: RetryBudget
    counters: RoutingCounters
    addresses: AddressBook
    local_gates: Gates
    remote_gates: Gates
    clock: Callable[[], float]
    rng: random.Random
    own_load: Callable[[], float]
    outstanding: Outstanding = field(default_factory=Outstanding)


class Attempt:
    """Counts as a request in flight from `begin` to `end`, which lets go of the answer and may be called again."""

    def __init__(self, parts: Parts, service: str, candidate: Candidate, service_token: str | None = None) -> None:
        self._parts = parts
        self._service = service
        self._service_token = service_token
        self._probes = False
        self._under_way = False
        self.candidate = candidate
        self.began_at = parts.clock()
        self.upstream: Upstream | None = None
        self.route: Route | None = None

    @property
    def worker_id(self) -> str:
        return self.candidate.worker_id

    @property
    def is_local(self) -> bool:
        return self._service_token is not None

    def begin(self) -> None:
        self._under_way = True
        self._parts.outstanding.begin(self._service, self.worker_id)
        self._probes = self._parts.breakers.begin(self._service, self.worker_id, self.began_at)

    def end(self) -> None:
        if not self._under_way:
            return
        self._under_way = False
        self._parts.outstanding.end(self._service, self.worker_id)
        if self._probes:
            self._parts.breakers.gave_up(self._service, self.worker_id)
        if self.upstream is not None:
            self.upstream.discard()

    async def reach(self, exchange: Exchange, limits: Limits) -> Failure | None:
        """Try the worker's addresses in turn until one takes the connection; then the answer is in `upstream`."""
        parts = self._parts
        failure: ForwardingError = ConnectFailed("it has no address")
        for target in parts.addresses.ordered(self.candidate, parts.clock()):
            callee = Callee(self.worker_id, target, self._service_token)
            try:
                self.upstream = await parts.forwarder.attempt(callee, exchange, limits)
            except ConnectFailed as error:
                failure = error
                parts.addresses.failed(self.worker_id, target, parts.clock())
                continue
            except ForwardingError as error:
                failure = error
                break
            parts.addresses.worked(self.worker_id, target)
            self.route = target.route
            return None
        return Failure(self.worker_id, _kind(failure), str(failure))


def _kind(failure: ForwardingError) -> FailureKind:
    if isinstance(failure, UpstreamTimeout):
        return "timeout"
    return "connect" if isinstance(failure, ConnectFailed) else "reset"
