"""Carries one request: to the service here or to one worker after another, until an answer begins."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from node.forwarding.interface import (
    Callee,
    ConnectFailed,
    Exchange,
    Forwarder,
    ForwardingError,
    Limits,
    Target,
    Upstream,
    UpstreamTimeout,
)
from node.routing.admission import Gate, Gates
from node.routing.breaker import Breakers
from node.routing.cache import FingerCache
from node.routing.candidates import Candidate
from node.routing.failures import (
    BAD_STATUSES,
    Failure,
    FailureKind,
    conclude,
    may_be_refusal,
    no_worker,
    refusal_of,
)
from node.routing.retry import RetryBudget, backoff, may_retry, repeatable
from node.routing.selection import Selector
from node.routing.settings import RoutingSettings
from node.routing.sources import Finder, LocalTarget
from node.routing.stats import RoutingCounters
from node.routing.targets import AddressBook
from node.wire import headers
from node.wire.manifests import Manifest
from node.wire.messages import Route
from node.wire.problems import Problem

SWITCHING = 101


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
    outstanding: Counter[tuple[str, str]] = field(default_factory=Counter)


class Dispatch:
    """One request on its way; at last `worker`, `route`, `attempts`, `broken` and `upgraded` tell how it went."""

    def __init__(
        self,
        parts: Parts,
        manifest: Manifest,
        exchange: Exchange,
        *,
        forwarded: bool,
        caller: str,
        vetted_only: bool,
    ) -> None:
        self._parts = parts
        self._manifest = manifest
        self._service = manifest.name
        self._exchange = exchange
        self._forwarded = forwarded
        self._caller = caller
        self._vetted_only = vetted_only
        self._repeatable = repeatable(exchange.method, exchange.request.headers, manifest)
        self._started = self._asked_at = parts.clock()
        self._limits: Limits | None = None
        self._tried: set[str] = {parts.worker_id}
        self._failures: list[Failure] = []
        self._next: Candidate | None = None
        self._searched = False
        self._refreshed = False
        self.attempts = 0
        self.worker: str | None = None
        self.route: Route | None = None
        self.broken = ""
        self.upgraded = False

    async def run(self, target: LocalTarget | None) -> web.StreamResponse:
        """Return the finished answer; raise the Problem that tells why there is none."""
        if self._forwarded:
            return await self._only_here(target)
        if target is not None and self._local_gate(target).has_room:
            answer = await self._here(target, wait=None)
            if answer is not None:
                return answer
            if not await self._may_go_on():
                raise self._conclusion()
            target = None
        answer = await self._elsewhere(wait=None if target is None else 0.0)
        if answer is None and target is not None and self._another_allowed():
            answer = await self._here(target, wait=None)
        if answer is None:
            raise self._conclusion()
        return answer

    async def _only_here(self, target: LocalTarget | None) -> web.StreamResponse:
        """Serve what another node forwarded: here or nowhere, so that no request goes round in circles."""
        if target is None:
            text = f"This machine does not run {self._service} now."
            raise no_worker(self._service, text, self._parts.settings.retry_after)
        # The sender waits only so long for the answer's first byte; half of it is for the service itself.
        answer = await self._here(target, wait=self._parts.settings.first_byte_of(self._manifest) / 2)
        if answer is not None:
            return answer
        if any(failure.executed for failure in self._failures):
            raise self._conclusion()
        text = f"{self._service} on this machine takes no connections."
        raise no_worker(self._service, text, self._parts.settings.retry_after)

    async def _here(self, target: LocalTarget, wait: float | None) -> web.StreamResponse | None:
        async with self._local_gate(target).slot(self._caller, wait):
            own = Candidate(self._parts.worker_id, (Target("local", target.base_url),))
            return await self._ask(own, target.service_token)

    def _local_gate(self, target: LocalTarget) -> Gate:
        return self._parts.local_gates.of(self._service, target.manifest.concurrency)

    async def _elsewhere(self, wait: float | None) -> web.StreamResponse | None:
        """Ask other workers; None when none of them answered, or with a `wait` of 0 when all places are taken."""
        candidate = await self._choose()
        if candidate is None:
            return None
        known = len(self._parts.cache.known(self._service))
        gate = self._parts.remote_gates.of(self._service, max(1, known) * self._manifest.concurrency)
        if wait == 0.0 and not gate.has_room:
            return None
        async with gate.slot(self._caller, wait):
            while candidate is not None:
                answer = await self._ask(candidate)
                if answer is not None:
                    return answer
                if not await self._may_go_on():
                    return None
                candidate = await self._choose()
        return None

    async def _choose(self) -> Candidate | None:
        """Return the worker to ask next, which has not been asked in this request; None when there is none."""
        if self._next is not None and self._next.worker_id not in self._tried:
            return self._next
        parts = self._parts
        if not self._searched:
            self._searched = True
            cached = await parts.cache.get(self._service, lambda: parts.finder.first(self._service))
            parts.counters.cache_hits += cached.hit
            parts.counters.cache_misses += not cached.hit
            self._refreshed = not cached.candidates  # every source was asked a moment ago
        self._next = self._pick()
        if self._next is None and not self._refreshed:
            self._refreshed = True
            await parts.cache.refresh(self._service, lambda: parts.finder.all(self._service))
            self._next = self._pick()
        return self._next

    def _pick(self) -> Candidate | None:
        parts = self._parts
        fresh = [
            item
            for item in parts.cache.known(self._service)
            if item.worker_id not in self._tried and (item.vetted or not self._vetted_only)
        ]
        if not fresh:
            return None
        usable = parts.breakers.usable(self._service, fresh, parts.clock())
        free = [item for item in usable if self._outstanding(item) < self._manifest.concurrency]
        return parts.selector.pick(self._service, free or usable, self._load, self._outstanding)

    def _outstanding(self, candidate: Candidate) -> int:
        return self._parts.outstanding[self._service, candidate.worker_id]

    def _load(self, candidate: Candidate) -> float:
        """Return what the worker said last, or what we alone have given it since, whichever is more."""
        return max(candidate.load, self._outstanding(candidate) / self._manifest.concurrency)

    async def _ask(self, candidate: Candidate, service_token: str | None = None) -> web.StreamResponse | None:
        """Try one worker; return its answer when it has gone to the client, else note the failure."""
        parts, key = self._parts, (self._service, candidate.worker_id)
        self._tried.add(candidate.worker_id)
        self.attempts += 1
        self._asked_at = parts.clock()
        parts.outstanding[key] += 1
        parts.breakers.begin(*key, parts.clock())
        try:
            upstream = await self._reach(candidate, service_token)
            if upstream is None:
                return None
            try:
                if await self._goes_back(candidate, upstream, local=service_token is not None):
                    return None
                return await self._relay(candidate, upstream, local=service_token is not None)
            finally:
                upstream.discard()
        finally:
            parts.breakers.gave_up(*key)
            parts.outstanding[key] -= 1
            if parts.outstanding[key] <= 0:
                del parts.outstanding[key]

    async def _reach(self, candidate: Candidate, service_token: str | None) -> Upstream | None:
        """Try the worker's addresses in turn until one takes the connection."""
        book, now = self._parts.addresses, self._parts.clock()
        failure: ForwardingError = ConnectFailed("it has no address")
        for target in book.ordered(candidate, now):
            callee = Callee(candidate.worker_id, target, service_token)
            try:
                upstream = await self._parts.forwarder.attempt(callee, self._exchange, self._time_limits())
            except ConnectFailed as error:
                failure = error
                book.failed(candidate.worker_id, target, now)
                continue
            except ForwardingError as error:
                failure = error
                break
            book.worked(candidate.worker_id, target)
            self.route = target.route
            return upstream
        kind: FailureKind = "connect" if isinstance(failure, ConnectFailed) else "reset"
        if isinstance(failure, UpstreamTimeout):
            kind = "timeout"
        self._note(Failure(candidate.worker_id, kind, str(failure)))
        return None

    async def _goes_back(self, candidate: Candidate, upstream: Upstream, *, local: bool) -> bool:
        """Tell whether the answer is a failure that another worker may make good, and note it then."""
        if not local and may_be_refusal(upstream.status, upstream.headers):
            document = await upstream.problem()
            refusal = refusal_of(document)
            if refusal:
                reason = f"{candidate.worker_id} sent it back: {refusal}"
                self._note(Failure(candidate.worker_id, "refused", reason, refusal))
                return True
        if upstream.status not in BAD_STATUSES:
            return False
        failure = Failure(candidate.worker_id, "bad-status", f"status {upstream.status}")
        self._count_against(failure)
        if self._forwarded or not self._retry_allowed(failure) or await self._choose() is None:
            return False
        self._failures.append(failure)
        return True

    async def _relay(self, candidate: Candidate, upstream: Upstream, *, local: bool) -> web.StreamResponse:
        parts = self._parts
        self.worker = candidate.worker_id
        self.upgraded = upstream.status == SWITCHING
        load = parts.own_load() if local else parse_load(upstream.headers.get(headers.LOAD))
        if load is not None and not local:
            parts.cache.update_load(candidate.worker_id, load)
        response = await upstream.relay(self._added_headers(load))
        self.broken = upstream.broken
        if upstream.broken:
            self._count_against(Failure(candidate.worker_id, "reset", upstream.broken))
        elif upstream.status not in BAD_STATUSES:
            parts.breakers.succeeded(self._service, candidate.worker_id)
        return response

    def _added_headers(self, load: float | None) -> dict[str, str]:
        found = (self._asked_at - self._started) * 1000.0
        waited = (self._parts.clock() - self._asked_at) * 1000.0
        added = {
            headers.REQUEST_ID: self._exchange.headers[headers.REQUEST_ID],
            headers.WORKER: self.worker or "",
            headers.ROUTE: self.route or "",
            headers.ATTEMPTS: str(self.attempts),
            headers.SERVER_TIMING: f"route;dur={found:.1f}, worker;dur={waited:.1f}",
        }
        if load is not None:
            added[headers.LOAD] = f"{load:.3f}"
        return added

    async def _may_go_on(self) -> bool:
        """Tell whether another worker may be asked after the last failure; if so, the pause before it is over."""
        parts = self._parts
        if not self._another_allowed() or await self._choose() is None:
            return False
        if not parts.budget.take(parts.clock()):
            return False
        parts.counters.retries += 1
        pause = backoff(len(self._failures), parts.settings.retry_base, parts.settings.retry_cap, parts.rng)
        await asyncio.sleep(pause)
        return True

    def _another_allowed(self) -> bool:
        return not self._failures or self._retry_allowed(self._failures[-1])

    def _retry_allowed(self, failure: Failure) -> bool:
        loop = asyncio.get_running_loop()
        in_time = self._limits is None or loop.time() < self._limits.deadline
        return in_time and may_retry(
            executed=failure.executed,
            repeatable=self._repeatable,
            replayable=self._exchange.replayable,
            attempts=self.attempts,
            most=self._parts.settings.attempts,
        )

    def _note(self, failure: Failure) -> None:
        self._failures.append(failure)
        self._count_against(failure)

    def _count_against(self, failure: Failure) -> None:
        """Tell cache and breaker about a failed worker at once."""
        parts, service = self._parts, self._service
        if failure.refusal == "overloaded":
            parts.cache.update_load(failure.worker_id, 1.0, service)
        elif failure.kind != "bad-status":
            parts.cache.invalidate(service, failure.worker_id)
        if failure.worker_is_sick:
            parts.breakers.failed(service, failure.worker_id, parts.clock())

    def _time_limits(self) -> Limits:
        settings = self._parts.settings
        if self._limits is None:
            self._limits = Limits(
                connect=settings.connect_timeout,
                first_byte=settings.first_byte_of(self._manifest),
                idle=settings.idle_timeout,
                deadline=asyncio.get_running_loop().time() + settings.request_time_of(self._manifest),
            )
        return self._limits

    def _conclusion(self) -> Problem:
        return conclude(self._service, self._failures, self._parts.settings.retry_after)


def parse_load(text: str | None) -> float | None:
    """Return the load that an answer tells, or None when it tells none that can be."""
    with contextlib.suppress(TypeError, ValueError):
        load = float(text)  # type: ignore[arg-type]
        if 0.0 <= load <= 1.0:
            return load
    return None
