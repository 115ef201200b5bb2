"""Carries one request: to the service here or to one worker after another, until an answer begins."""

from __future__ import annotations

import asyncio
import contextlib

from aiohttp import web

from node.forwarding.interface import Exchange, Limits, Target
from node.routing.admission import Gate
from node.routing.attempt import Attempt, Parts
from node.routing.candidates import Candidate
from node.routing.failures import (
    BAD_STATUSES,
    Failure,
    conclude,
    may_be_refusal,
    no_worker,
    refusal_of,
)
from node.routing.hedging import Race
from node.routing.loads import possible
from node.routing.ranking import Ranking, Wanted
from node.routing.retry import backoff, may_retry, repeatable
from node.routing.sources import LocalTarget
from node.wire import headers
from node.wire.manifests import Manifest
from node.wire.messages import Route
from node.wire.problems import Problem

SWITCHING = 101
SHORTEST_HEDGE = 0.002  # seconds: so often at most it is looked whether a second worker can be asked


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
        self._started = parts.clock()
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

    @property
    def failures(self) -> int:
        """How many workers were asked in vain."""
        return len(self._failures)

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
        if answer is None and target is not None and self._another_allowed() and await self._afforded():
            answer = await self._here(target, wait=None)
        if answer is None:
            raise self._conclusion()
        return answer

    # --- here or elsewhere ----------------------------------------------------------------------------------------

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
        candidate = await self.choose()
        if candidate is None:
            return None
        gate = self._parts.remote_gates.of(self._service, self._places())
        must_wait = not gate.has_room
        if wait == 0.0 and must_wait:
            return None
        async with gate.slot(self._caller, wait):
            if must_wait:  # who was chosen then may be gone or full, and another have the place that became free
                self._next = None
                candidate = await self.choose()
            while candidate is not None:
                answer = await self._ask(candidate, gate=gate)
                if answer is not None:
                    return answer
                if not await self._may_go_on():
                    return None
                candidate = await self.choose()
        return None

    def _places(self) -> int:
        """Return how many requests the workers that are known take together."""
        return max(1, len(self._parts.cache.ranking(self._service))) * self._manifest.concurrency

    # --- whom to ask ----------------------------------------------------------------------------------------------

    async def choose(self) -> Candidate | None:
        """Return the worker to ask next, which has not been asked in this request; None when there is none."""
        if self._next is not None and self._next.worker_id not in self._tried:
            return self._next
        parts = self._parts
        if not self._searched:
            self._searched = True
            cached = await parts.cache.get(self._service, lambda: parts.finder.first(self._service))
            parts.counters.cache_hits += cached.hit
            parts.counters.cache_misses += not cached.hit
            self._refreshed = not len(cached.ranking)  # every source was asked a moment ago
        self._next = self._pick()
        if self._next is None and not self._refreshed:
            self._refreshed = True
            await parts.cache.refresh(self._service, lambda: parts.finder.all(self._service))
            self._next = self._pick()
        return self._next

    def _pick(self) -> Candidate | None:
        """Let the policy pick among those not asked yet; broken ones only where there are no others."""
        parts = self._parts
        ranking = parts.cache.ranking(self._service)
        broken = parts.breakers.blocked(self._service, parts.clock())
        if broken:
            picked = parts.selector.pick(self._service, ranking, self._wanted(self._tried | broken))
            if picked is not None:
                return picked
        return parts.selector.pick(self._service, ranking, self._wanted(self._tried))

    def _wanted(self, skip: set[str]) -> Wanted:
        busy = self._parts.outstanding.of(self._service)
        return Wanted(skip, busy, self._manifest.concurrency, self._vetted_only)

    # --- asking ---------------------------------------------------------------------------------------------------

    async def _ask(
        self, candidate: Candidate, service_token: str | None = None, gate: Gate | None = None
    ) -> web.StreamResponse | None:
        """Try one worker; return its answer when it has gone to the client, else note the failure.

        Through the `gate` a second worker may be asked as well, when this one takes long.
        """
        with contextlib.ExitStack() as held:
            first = self._begin(candidate, held, service_token)
            if gate is not None and self._may_hedge():
                winner = await self._race(first, gate, held)
            else:
                winner = first if await self._usable(first) else None
            return None if winner is None else await self._relay(winner)

    def _begin(self, candidate: Candidate, held: contextlib.ExitStack, service_token: str | None = None) -> Attempt:
        self._tried.add(candidate.worker_id)
        self.attempts += 1
        attempt = Attempt(self._parts, self._service, candidate, service_token)
        attempt.begin()
        held.callback(attempt.end)
        return attempt

    async def _usable(self, attempt: Attempt, race: Race[Attempt] | None = None) -> bool:
        """Wait for a worker's answer; tell whether it may go to the client, else note the failure."""
        failure = await attempt.reach(self._exchange, self._time_limits())
        if failure is not None:
            self._note(failure)
        elif not await self._goes_back(attempt, race):
            return True
        attempt.end()  # at once, for the other one in a race may take long
        return False

    async def _goes_back(self, attempt: Attempt, race: Race[Attempt] | None) -> bool:
        """Tell whether the answer is a failure that another worker may make good, and note it then."""
        upstream = attempt.upstream
        assert upstream is not None
        if not attempt.is_local and may_be_refusal(upstream.status, upstream.headers):
            document = await upstream.problem()
            refusal = refusal_of(document)
            if refusal:
                reason = f"{attempt.worker_id} sent it back: {refusal}"
                self._note(Failure(attempt.worker_id, "refused", reason, refusal))
                return True
        if upstream.status not in BAD_STATUSES:
            return False
        failure = Failure(attempt.worker_id, "bad-status", f"status {upstream.status}")
        self._count_against(failure)
        if not await self._another_may_do_better(failure, race):
            return False
        self._failures.append(failure)
        return True

    async def _another_may_do_better(self, failure: Failure, race: Race[Attempt] | None) -> bool:
        if race is not None and race.under_way > 1:
            return True
        return not self._forwarded and self._retry_allowed(failure) and await self.choose() is not None

    async def _relay(self, attempt: Attempt) -> web.StreamResponse:
        parts, upstream = self._parts, attempt.upstream
        assert upstream is not None
        self.worker, self.route = attempt.worker_id, attempt.route
        self.upgraded = upstream.status == SWITCHING
        load = parts.own_load() if attempt.is_local else parse_load(upstream.headers.get(headers.LOAD))
        if load is not None and not attempt.is_local:
            parts.cache.update_load(attempt.worker_id, load)
        response = await upstream.relay(self._added_headers(attempt, load))
        self.broken = upstream.broken
        if upstream.broken:
            self._count_against(Failure(attempt.worker_id, "reset", upstream.broken))
        elif upstream.status not in BAD_STATUSES:
            parts.breakers.succeeded(self._service, attempt.worker_id)
        return response

    def _added_headers(self, attempt: Attempt, load: float | None) -> dict[str, str]:
        found = (attempt.began_at - self._started) * 1000.0
        waited = (self._parts.clock() - attempt.began_at) * 1000.0
        added = {
            headers.REQUEST_ID: self._exchange.headers[headers.REQUEST_ID],
            headers.WORKER: attempt.worker_id,
            headers.ROUTE: attempt.route or "",
            headers.ATTEMPTS: str(self.attempts),
            headers.SERVER_TIMING: f"route;dur={found:.1f}, worker;dur={waited:.1f}",
        }
        if load is not None:
            added[headers.LOAD] = f"{load:.3f}"
        return added

    # --- asking a second worker as well ---------------------------------------------------------------------------

    def _may_hedge(self) -> bool:
        settings = self._parts.settings
        in_number = self.attempts < settings.attempts
        return settings.hedge_after > 0.0 and self._repeatable and in_number and not self._exchange.websocket

    async def _race(self, first: Attempt, gate: Gate, held: contextlib.ExitStack) -> Attempt | None:
        """Wait for the first worker's answer, and when it takes long, for that of a second one too.

        Return the first one that may go to the client; the other worker is let go of and not counted as failed.
        """
        parts, wait = self._parts, max(SHORTEST_HEDGE, self._parts.settings.hedge_after)
        second: Attempt | None = None
        async with contextlib.AsyncExitStack() as place, Race[Attempt]() as race:
            race.start(first, self._usable(first, race))
            while second is None and not await race.ended_within(wait):
                candidate = self._second_choice(gate)
                if candidate is not None:
                    await place.enter_async_context(gate.slot(self._caller, 0.0))
                    parts.counters.hedged += 1
                    second = self._begin(candidate, held)
                    race.start(second, self._usable(second, race))
            winner = await race.winner()
        for attempt in (first, second):
            if attempt is not None and attempt is not winner:
                attempt.end()
        parts.counters.hedge_wins += winner is not None and winner is second
        return winner

    def _second_choice(self, gate: Gate) -> Candidate | None:
        """Return a worker with room to ask as well, where the request can be sent once more now."""
        parts, body = self._parts, self._exchange.body
        # Two tries never read the client's stream at once.
        whole = body is None or (body.complete and body.replayable)
        if not whole or not gate.has_room or not self._in_time():
            return None
        broken = {item.worker_id for item in parts.breakers.tripped(self._service, parts.clock())}
        wanted = self._wanted(self._tried | broken)
        eligible = parts.cache.ranking(self._service).eligible(wanted)
        idle = Ranking(item for item in eligible if wanted.load(item) < 1.0)
        if not len(idle) or not parts.budget.take(parts.clock()):
            return None
        return parts.selector.pick(self._service, idle, wanted)

    # --- failing --------------------------------------------------------------------------------------------------

    async def _may_go_on(self) -> bool:
        """Tell whether another worker may be asked after the last failure; if so, the pause before it is over."""
        return self._another_allowed() and await self.choose() is not None and await self._afforded()

    async def _afforded(self) -> bool:
        """Take another try out of the retry budget, which may be empty, and pause; the first try is free."""
        parts = self._parts
        if not self._failures:
            return True
        if not parts.budget.take(parts.clock()):
            return False
        parts.counters.retries += 1
        pause = backoff(len(self._failures), parts.settings.retry_base, parts.settings.retry_cap, parts.rng)
        await asyncio.sleep(pause)
        return True

    def _another_allowed(self) -> bool:
        return not self._failures or self._retry_allowed(self._failures[-1])

    def _retry_allowed(self, failure: Failure) -> bool:
        return self._in_time() and may_retry(
            executed=failure.executed,
            repeatable=self._repeatable,
            replayable=self._exchange.replayable,
            attempts=self.attempts,
            most=self._parts.settings.attempts,
        )

    def _in_time(self) -> bool:
        return self._limits is None or asyncio.get_running_loop().time() < self._limits.deadline

    def _note(self, failure: Failure) -> None:
        self._failures.append(failure)
        self._count_against(failure)

    def _count_against(self, failure: Failure) -> None:
        """Tell cache and breaker about a failed worker at once."""
        parts, service = self._parts, self._service
        if failure.refusal == "overloaded":
            parts.cache.update_load(failure.worker_id, 1.0, service)
        elif failure.kind != "bad-status":
            parts.cache.invalidate(service, failure.worker_id, failure.reason)
        if failure.worker_is_sick:
            parts.breakers.failed(service, failure.worker_id, parts.clock(), failure.reason)

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
        if possible(load):
            return load
    return None
