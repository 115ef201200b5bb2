"""Carries one request: to the service here or to one worker after another, until an answer begins.

Nothing here waits: what has to be waited for (a lookup, a place, a pause, an answer) calls the next step when it
has come, and is called off when the request is over. With a warm cache a request goes from its head to the write to
the worker in one go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from msgspec.structs import replace

from node.forwarding.http1.exchange import Exchange
from node.forwarding.http1.head import ResponseHead
from node.forwarding.http1.interface import Patience, Trouble, problem_of
from node.forwarding.http1.rival import Rival
from node.forwarding.interface import Target
from node.forwarding.outbound import Outbound, id_lines, too_large
from node.routing.admission import Gate
from node.routing.attempt import Attempt, load_line
from node.routing.candidates import Candidate
from node.routing.choice import Choice
from node.routing.failures import BAD_STATUSES, Failure, Vain, conclude, conclude_here, no_worker
from node.routing.hedging import Hedge
from node.routing.parts import Parts
from node.routing.retry import backoff, may_retry, repeatable
from node.routing.sources import LocalTarget
from node.wire.headers import IDEMPOTENCY_KEY
from node.wire.messages import Route
from node.wire.problems import Problem

SWITCHING = 101
ONCE = IDEMPOTENCY_KEY.lower()
EVENTS = "text/event-stream"  # lasts as long as both sides like

ADDED = b"%bX-RMA-Attempts: %d\r\nServer-Timing: route;dur=%.1f, worker;dur=%.1f\r\n%b"
Step = Callable[[], None]


class Dispatch:
    """One request on its way; at last `worker`, `route`, `attempts`, `trail` and `choice` tell how it went."""

    __slots__ = (
        "_at_home", "_call_off", "_caller", "_failed", "_full_here", "_gates", "_hedge", "_last_resort", "_lines",
        "_outbound", "_over", "_parts", "_patience", "_service", "_under_way", "_winner", "attempts", "choice",
        "exchange", "failures", "forwarded", "found", "manifest", "route", "started", "trail", "waited", "worker",
    )  # fmt: skip

    def __init__(
        self,
        parts: Parts,
        outbound: Outbound,
        exchange: Exchange,
        caller: str,
        vetted_only: bool,
    ) -> None:
        manifest = outbound.manifest
        self._parts = parts
        self._service = manifest.name
        self._outbound = outbound
        self._lines = id_lines(exchange, outbound)
        self.forwarded = outbound.trusted
        self._caller = caller
        self.choice = Choice(parts, manifest, vetted_only)
        self._gates: tuple[Gate, ...] = ()  # in which we hold a place
        self._under_way: tuple[Attempt, ...] = ()
        self._failed: tuple[Failure, ...] = ()
        self._full_here: LocalTarget | None = None  # where to queue when nobody else takes it
        self._at_home = self._last_resort = self._over = False
        self._call_off: Callable[[], object] | None = None  # of what is waited for
        self._hedge: Hedge | None = None
        self._winner: Attempt | None = None
        self._patience: Patience | None = None  # from the first try on: time in a queue does not count
        self.attempts = 0
        self.failures = 0  # how many workers were asked in vain
        self.trail: tuple[Vain, ...] = ()  # which ones, and why
        self.found = self.waited = 0.0  # seconds until a worker was asked, and until it answered
        self.worker: str | None = None
        self.route: Route | None = None
        self.exchange = exchange
        self.manifest = manifest
        self.started = parts.clock()

    @property
    def _repeatable(self) -> bool:
        head = self.exchange.head
        return repeatable(head.method, head.get(ONCE), self.manifest)

    @property
    def caller(self) -> str:
        """Who asked, as `Router.take` was told."""
        return self._caller

    # --- here or elsewhere ----------------------------------------------------------------------------------------

    def begin(self, target: LocalTarget | None) -> None:
        """Serve the request; `target` is the service on this machine, if it runs here."""
        if self.forwarded:
            self._only_here(target)
        elif target is None:
            self._choose(self._enter_elsewhere)
        else:
            gate = self._local_gate(target)
            if gate.try_enter():
                self._gates += (gate,)
                self._ask_here(target)
            else:
                self._full_here = target
                self._choose(self._enter_elsewhere)

    def _only_here(self, target: LocalTarget | None) -> None:
        """Serve what another node forwarded: here or nowhere, so that no request goes round in circles."""
        if target is None:
            self._refuse(self._no_worker(f"This machine does not run {self._service} now."))
            return
        # The sender waits only so long for the answer's first byte; half of it is for the service itself.
        wait = self._parts.settings.first_byte_of(self.manifest) / 2
        self._enter(self._local_gate(target), wait, lambda: self._ask_here(target))

    def _ask_here(self, target: LocalTarget) -> None:
        self._at_home = True
        own = Candidate(self._parts.worker_id, (Target("local", target.base_url),))
        self._ask(own, self.exchange, target.service_token)

    def _local_gate(self, target: LocalTarget) -> Gate:
        return self._parts.local_gates.of(self._service, target.manifest.concurrency)

    def _enter_elsewhere(self, candidate: Candidate | None) -> None:
        """Ask other workers, when there is a place for one more request with all of them together."""
        if candidate is None:
            self._nobody_left()
            return
        gate = self._parts.remote_gates.of(self._service, self.choice.places())
        if gate.try_enter():
            self._gates += (gate,)
            self._ask_other(candidate)
        elif self._full_here is not None:
            self._nobody_left()
        else:
            self._enter(gate, None, self._choose_again)

    def _choose_again(self) -> None:
        """Choose after a wait: another may have the place that became free."""
        self.choice.again()
        self._choose(self._ask_other)

    def _ask_other(self, candidate: Candidate | None) -> None:
        if candidate is None:
            self._nobody_left()
            return
        self._ask(candidate, self.exchange)
        wait = self._parts.settings.hedge_after
        if wait and self._under_way and self._may_hedge():
            self._hedge = Hedge(wait, self._ask_second)

    def _nobody_left(self) -> None:
        """Come back to the service here that was full, at the price of a retry; else give up."""
        self._leave_gates()
        target, self._full_here = self._full_here, None
        if target is None or not self._another_allowed():
            self._conclude()
        elif not self._failed:
            self._back_here(target)
        else:
            self._after_pause(lambda: self._back_here(target))

    def _back_here(self, target: LocalTarget) -> None:
        self._last_resort = True
        self._enter(self._local_gate(target), None, lambda: self._ask_here(target))

    # --- asking ---------------------------------------------------------------------------------------------------

    def _ask(self, candidate: Candidate, line: Exchange, service_token: str | None = None) -> None:
        parts, exchange = self._parts, self.exchange
        self.choice.tried.add(candidate.worker_id)
        self.attempts += 1
        if self.forwarded or self.attempts >= parts.settings.attempts:
            exchange.keep_body = False  # nobody will ask for it again
        attempt = Attempt(parts, self._service, candidate, self, line)
        attempt.service_token = service_token
        self._under_way += (attempt,)
        attempt.begin()
        patience = self._patience
        if patience is None:
            connect, first_byte, idle, whole = parts.settings.times_of(self.manifest)
            patience = self._patience = Patience(connect, first_byte, idle, exchange.client.loop.time() + whole)
        if line is not exchange and self._hedge is None:  # a way was lost: addresses are gone through quickly
            patience = replace(patience, connect=patience.connect / 2)
        attempt.send(self._outbound, self._lines, patience)
        if service_token is None and parts.settings.doubt_after:
            attempt.watch()

    def has_answer(self, attempt: Attempt, head: ResponseHead) -> None:
        """Relay an answer, unless it is a failure that another worker may make good."""
        if head.status not in BAD_STATUSES:
            self._relay(attempt, head)
            return
        failure = Failure(attempt.worker_id, "bad-status", f"status {head.status}")
        self._count_against(failure)
        if len(self._under_way) > 1:
            self._give_up(attempt, failure)
        elif self.forwarded or not self._retry_allowed(failure):
            self._relay(attempt, head)
        else:
            self._choose(lambda candidate: self._replace(attempt, head, failure, candidate))

    def _replace(self, attempt: Attempt, head: ResponseHead, failure: Failure, candidate: Candidate | None) -> None:
        if attempt not in self._under_way:
            return  # it broke off meanwhile
        if candidate is None:
            self._relay(attempt, head)
        else:
            self._give_up(attempt, failure)

    def has_failed(self, attempt: Attempt, failure: Failure) -> None:
        """Note a failure and go on."""
        self._count_against(failure)
        self._give_up(attempt, failure)

    def client_failed(self, trouble: Trouble) -> None:
        """Say what is wrong with the request; no worker is to blame."""
        limit = self.manifest.max_body_bytes
        self.exchange.refuse(too_large(limit) if trouble.status == 413 else problem_of(trouble))

    def _give_up(self, attempt: Attempt, failure: Failure) -> None:
        self._failed += (failure,)
        self.trail += (attempt.in_vain(failure, self.started),)
        self.failures += 1
        self._let_go(attempt)
        if not self._under_way:  # else the other one may still answer
            self._end_race()
            self._go_on()

    def _relay(self, attempt: Attempt, head: ResponseHead) -> None:
        parts, exchange = self._parts, self.exchange
        self._winner = attempt
        if len(self._under_way) > 1 or attempt.line is not exchange:
            self._win(attempt)
        elif self._hedge is not None:
            self._end_race()
        way, told = attempt.way, attempt.told
        self.worker, self.route = attempt.worker_id, way.route
        if attempt.is_local:
            told = load_line(parts.own_load())
        passing = parts.answers.switching if head.status == SWITCHING else parts.answers.plain
        endless = head.values.get("content-type", "").startswith(EVENTS)
        found = self.found = attempt.began_at - self.started
        waited = self.waited = attempt.answered_at - attempt.began_at
        added = ADDED % (way.named, self.attempts, found * 1000.0, waited * 1000.0, told)
        exchange.relay(passing, added, endless)

    # --- asking a second worker as well ---------------------------------------------------------------------------

    def _may_hedge(self) -> bool:
        in_number = self.attempts < self._parts.settings.attempts
        return self._repeatable and in_number and not self.exchange.head.websocket

    def _ask_second(self) -> bool:
        """Ask a second worker as well where the request can be sent once more now; tell whether one is asked."""
        exchange, gate = self.exchange, self._gates[0]
        if not self._can_be_sent_again() or not gate.has_room:
            return False
        candidate = self.choice.second()
        if candidate is None or not gate.try_enter():
            return False
        self._gates += (gate,)
        self._parts.counters.hedged += 1
        self._ask(candidate, Rival(exchange))
        return True

    def _can_be_sent_again(self) -> bool:
        exchange = self.exchange
        whole = exchange.body_complete and exchange.replayable and not exchange.status
        return whole and exchange.response is None and self._in_time()

    def way_back(self, attempt: Attempt) -> None:
        """Ask anew: the kernel repeats what was lost at ever longer intervals."""
        if self._repeatable and self._can_be_sent_again() and not self.exchange.head.websocket:
            self._parts.counters.retries += 1
            attempt.again()

    def way_lost(self, attempt: Attempt) -> None:
        """Ask the same worker by another way, and another worker, beside who cannot be reached now.

        Its answer may yet come, when the way is back; whoever answers first is heard.
        """
        parts, service = self._parts, self._service
        elsewhere = attempt.elsewhere()
        if elsewhere is None and parts.cache.ranking(service).count > 1:
            parts.cache.invalidate(service, attempt.worker_id, "it could not be reached any more")
        if self.forwarded or len(self._under_way) > 1 or not self._can_be_sent_again():
            return
        if elsewhere is not None and self._may_hedge() and parts.budget.take(parts.clock()):
            self._ask_as_well(elsewhere)
        if self._may_hedge() and (other := self.choice.other()) is not None:
            self._ask_as_well(other)

    def _ask_as_well(self, candidate: Candidate) -> None:
        self._parts.counters.retries += 1
        self._ask(candidate, Rival(self.exchange))

    def _win(self, attempt: Attempt) -> None:
        """End the race: the other worker is let go of and not counted as failed."""
        second = attempt.line is not self.exchange and self._hedge is not None
        self._parts.counters.hedge_wins += second
        if isinstance(attempt.line, Rival):
            attempt.line.hand_over(self.exchange)
            attempt.line = self.exchange
        for other in self._under_way:
            if other is not attempt:
                self._let_go(other)
        self._end_race()

    def _end_race(self) -> None:
        if self._hedge is not None:
            self._hedge.stop()
            self._hedge = None
        for gate in self._gates[1:]:
            gate.leave()
        self._gates = self._gates[:1]

    def _let_go(self, attempt: Attempt) -> None:
        self._under_way = tuple(other for other in self._under_way if other is not attempt)
        attempt.end()
        if attempt.line is not self.exchange or self._winner is None:
            attempt.line.discard()

    # --- failing --------------------------------------------------------------------------------------------------

    def _go_on(self) -> None:
        """Ask another worker after a failure, if that may be."""
        if self.forwarded:
            self._conclude_here()
        elif self._last_resort:
            self._conclude()
        elif not self._another_allowed():
            self._nobody_left()
        else:
            self._choose(self._pause)

    def _pause(self, candidate: Candidate | None) -> None:
        if candidate is None:
            self._nobody_left()
        else:
            self._after_pause(self._again)

    def _again(self) -> None:
        if self._at_home:
            self._at_home = False
            self._leave_gates()
            self._choose(self._enter_elsewhere)
        else:
            self._choose(self._ask_other)

    def _after_pause(self, step: Step) -> None:
        """Take another try out of the retry budget, which may be empty, and pause before it."""
        parts = self._parts
        if not parts.budget.take(parts.clock()):
            self._leave_gates()
            self._conclude()
            return
        parts.counters.retries += 1
        pause = backoff(self.failures, parts.settings.retry_base, parts.settings.retry_cap, parts.rng)
        self._wait(asyncio.get_running_loop().call_later(pause, self._step, step).cancel)

    def _another_allowed(self) -> bool:
        return not self._failed or self._retry_allowed(self._failed[-1])

    def _retry_allowed(self, failure: Failure) -> bool:
        return self._in_time() and may_retry(
            executed=failure.executed,
            repeatable=self._repeatable,
            replayable=self.exchange.replayable,
            attempts=self.attempts,
            most=self._parts.settings.attempts,
        )

    def _in_time(self) -> bool:
        if self._parts.forwarder.closed:
            return False
        return self._patience is None or asyncio.get_running_loop().time() < self._patience.deadline

    def _count_against(self, failure: Failure) -> None:
        """Tell cache and breaker about a failed worker at once."""
        parts, service = self._parts, self._service
        if failure.refusal == "overloaded":
            parts.cache.update_load(failure.worker_id, 1.0, service)
        elif failure.kind != "bad-status":
            parts.cache.invalidate(service, failure.worker_id, failure.reason)
        if failure.worker_is_sick:
            parts.breakers.failed(service, failure.worker_id, parts.clock(), failure.reason)

    def _conclude_here(self) -> None:
        if any(failure.executed for failure in self._failed):
            self._conclude()
        else:
            self._refuse(conclude_here(self._service, self._failed, self._parts.settings.retry_after))

    def _conclude(self) -> None:
        self._refuse(conclude(self._service, self._failed, self._parts.settings.retry_after))

    def _no_worker(self, text: str) -> Problem:
        return no_worker(self._service, text, self._parts.settings.retry_after)

    def _refuse(self, problem: Problem) -> None:
        self.exchange.refuse(problem)

    # --- waiting --------------------------------------------------------------------------------------------------

    def _choose(self, then: Callable[[Candidate | None], None]) -> None:
        """Go on with who is to be asked next, at once where no lookup has to come before."""
        if self.choice.ready(self._parts.clock() if self.attempts else self.started):
            then(self.choice.picked)
        else:
            self._wait(self._parts.tasks.start(self._look_up(then), "lookup").cancel)

    async def _look_up(self, then: Callable[[Candidate | None], None]) -> None:
        try:
            ready = False
            while not ready:
                await self.choice.look_up()
                ready = self.choice.ready(self._parts.clock())
        except Exception:
            self.exchange.crashed()
        else:
            self._step(lambda: then(self.choice.picked))

    def _enter(self, gate: Gate, wait: float | None, step: Step) -> None:
        """Go on with a place in the gate, at once where one is free."""
        if gate.try_enter():
            self._gates += (gate,)
            step()
            return
        try:
            turn = gate.queue(self._caller, wait, lambda: self._entered(gate, step), self._refuse)
        except Problem as problem:
            self._refuse(problem)
        else:
            self._wait(turn.cancel)

    def _entered(self, gate: Gate, step: Step) -> None:
        self._gates += (gate,)
        self._step(step)

    def _wait(self, call_off: Callable[[], object]) -> None:
        """Remember how to call off what is waited for now, in place of what was before."""
        if self._call_off is not None:
            self._call_off()
        self._call_off = call_off

    def _step(self, step: Step) -> None:
        """Do what was waited for."""
        self._call_off = None
        if self._over:
            return
        try:
            step()
        except Exception:
            self.exchange.crashed()

    # --- the end --------------------------------------------------------------------------------------------------

    def ended(self) -> None:
        """Hear from the exchange that the request is over; let go of everything and tell how it went."""
        self._over = True
        winner, under_way = self._winner, self._under_way
        if self._call_off is not None:
            self._call_off()
            self._call_off = None
        if winner is not None:
            self._judge(winner.worker_id)
        if self._hedge is not None:
            self._end_race()
        self._winner, self._under_way = None, ()
        for attempt in under_way:
            attempt.end()
            if attempt.line is not self.exchange:
                attempt.line.discard()
        for gate in self._gates:
            gate.leave()
        self._gates = ()
        self._parts.over(self)

    def _judge(self, worker_id: str) -> None:
        """Tell the breaker whether the answer was a good and whole one; a client that left says nothing."""
        exchange = self.exchange
        if exchange.gone and exchange.status != SWITCHING:
            return
        if exchange.broken:
            self._count_against(Failure(worker_id, "reset", exchange.broken))
        elif exchange.status not in BAD_STATUSES:
            self._parts.breakers.succeeded(self._service, worker_id)

    def _leave_gates(self) -> None:
        gates, self._gates = self._gates, ()
        for gate in gates:
            gate.leave()
