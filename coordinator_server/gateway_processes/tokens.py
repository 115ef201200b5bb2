"""Tokens of shared rates in a gateway process: at once from a lease, or when the first has answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import msgspec

from coordinator_server.gateway.access import Kind
from coordinator_server.gateway.rates import Buckets, Rate, Verdict
from coordinator_server.gateway_processes.leases import MOST, Leases, MustAsk, Name
from coordinator_server.gateway_processes.messages import GivesBack, Granted, Wants
from node.wire.problems import Problem


@dataclass(slots=True)
class _Waiting:
    told: Callable[[], None]
    failed: Callable[[], None]
    until: float
    late: bool = False


class Tokens:
    """Asks for tokens for requests that wait, in one message for all that wait for the same; call `tick` often."""

    def __init__(self, send: Callable[[msgspec.Struct], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._send = send
        self._clock = clock
        self._leases = Leases()
        self._waiting: dict[Name, list[_Waiting]] = {}
        self._asked: set[Name] = set()
        self._granted_at: float | None = None  # while those who waited for a grant go on
        self.patience = 1.0  # seconds that a request waits for the first's word

    @property
    def waiting(self) -> int:
        return sum(map(len, self._waiting.values()))

    def take(self, name: Name, rate: Rate) -> Verdict:
        """Take a token; raise MustAsk where `wait` has to come first."""
        now = self._clock() if self._granted_at is None else self._granted_at
        return self._leases.take(name, rate, now)

    def wait(self, name: Name, told: Callable[[], None], failed: Callable[[], None]) -> None:
        """Call `told` when it is worth to `take` once more, or `failed` when the first does not say anything."""
        self._waiting.setdefault(name, []).append(_Waiting(told, failed, self._clock() + self.patience))
        self._ask(name)

    def granted(self, message: Granted) -> None:
        """Hear the first's answer, and go on with all who wait for it, which may take longer than a lease lasts."""
        name: Name = (message.kind, message.key)
        now = self._granted_at = self._clock()
        self._leases.granted(name, message.tokens, message.level, now)
        waiting = self._waiting.pop(name, [])
        self._asked.add(name)  # whoever has to wait on is asked for with the others
        try:
            for one in waiting:
                one.told()
        finally:
            self._granted_at = None
            self._asked.discard(name)
        if name in self._waiting:
            self._ask(name)

    def tick(self) -> None:
        """Give back what nobody has used, and tell those who have waited too long."""
        now = self._clock()
        for (kind, key), tokens in self._leases.unused(now):
            self._send(GivesBack(kind, key, tokens))
        for name, waiting in list(self._waiting.items()):
            late: list[_Waiting] = []
            others: list[_Waiting] = []
            for one in waiting:
                (late if one.late else others).append(one)
                one.late = one.until <= now  # once more: the answer may be here, and we were late to read it
            if late:
                self._asked.discard(name)
                self._waiting[name] = others
                if not others:
                    del self._waiting[name]
                for one in late:
                    one.failed()

    def fail_all(self) -> None:
        """Tell all who wait that no answer will come."""
        waiting, self._waiting = self._waiting, {}
        self._asked.clear()
        for one in (one for several in waiting.values() for one in several):
            one.failed()

    def _ask(self, name: Name) -> None:
        if name not in self._asked:
            self._asked.add(name)
            kind, key = name
            self._send(Wants(kind, key, min(len(self._waiting[name]), MOST)))


class LeasedBuckets(Buckets):
    """The token buckets of one kind, as access takes from them in a gateway process."""

    def __init__(self, tokens: Tokens, kind: Kind) -> None:
        super().__init__()
        self._tokens = tokens
        self._kind = kind

    def take(self, key: str, rate: Rate, now: float, cost: float = 1.0) -> Verdict:  # noqa: ARG002 - the first's clock
        """Take one token; raise MustAsk where the first has to be asked."""
        return self._tokens.take((self._kind, key), rate)


async def taken(tokens: Tokens, name: Name, rate: Rate) -> Verdict:
    """Take a token, waiting for the first's word where that is needed; raise Problem where it does not come."""
    while True:
        try:
            return tokens.take(name, rate)
        except MustAsk:
            answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
            tokens.wait(name, partial(_settle, answer, told=True), partial(_settle, answer, told=False))
            if not await answer:
                raise unanswered() from None


def unanswered() -> Problem:
    """Return what a client is told when the first process does not say whether it may pass."""
    text = "Whether this request may pass could not be found out in time. Please try again."
    return Problem("overloaded", text, headers={"Retry-After": "1"})


def _settle(answer: asyncio.Future[bool], *, told: bool) -> None:
    if not answer.done():
        answer.set_result(told)
