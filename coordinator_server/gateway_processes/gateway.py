"""The door of a gateway process: as the first's, but that the first has to be asked for what nobody has in hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from coordinator_server.config import CoordinatorConfig
from coordinator_server.gateway.access import WRONG_KEYS, Access, Visit
from coordinator_server.gateway.keys import ApiKey, ApiKeys
from coordinator_server.gateway.rates import Verdict, address_key, parse_rate
from coordinator_server.gateway.routes import Gateway, Wish
from coordinator_server.gateway_processes.leases import MustAsk
from coordinator_server.gateway_processes.tokens import LeasedBuckets, Tokens, taken, unanswered
from node.forwarding.http1.exchange import Exchange
from node.wire.problems import Problem


class LeasedAccess(Access):
    """Access whose token buckets are the first's; to come in may raise MustAsk."""

    def __init__(
        self, keys: ApiKeys, clock: Callable[[], float], config: CoordinatorConfig, tokens: Tokens
    ) -> None:
        super().__init__(
            keys,
            clock,
            address_rate=parse_rate(config.address_rate),
            anonymous=config.anonymous,
            forced=config.force_anonymous,
            origins=config.cors_origins,
            buckets=lambda kind: LeasedBuckets(tokens, kind),
        )
        self._tokens = tokens

    async def count_wrong(self, visit: Visit) -> Verdict:
        return await taken(self._tokens, ("wrong", address_key(visit.address)), WRONG_KEYS)


class LeasedGateway(Gateway):
    """Lets a request wait where its tokens have to be asked for; with tokens in hand it goes on at once."""

    def __init__(self, tokens: Tokens, **parts: Any) -> None:
        super().__init__(**parts)
        self._tokens = tokens

    def enter(self, exchange: Exchange) -> None:
        """Serve a request; nothing has been counted yet where its address's token has to be asked for."""
        lines = exchange.lines
        try:
            super().enter(exchange)
        except MustAsk as question:
            exchange.lines = lines
            self._wait(exchange, question, lambda: self.enter(exchange), exchange.refuse)

    def _admit(self, exchange: Exchange, wish: Wish, knock: Verdict, key: ApiKey | None) -> None:
        try:
            super()._admit(exchange, wish, knock, key)
        except MustAsk as question:

            def refuse(problem: Problem) -> None:
                self._turn_away(exchange, wish, problem)

            self._wait(exchange, question, lambda: self._admit(exchange, wish, knock, key), refuse)

    def _wait(
        self, exchange: Exchange, question: MustAsk, step: Callable[[], None], refuse: Callable[[Problem], None]
    ) -> None:
        """Take a step once more when the first has answered, unless the client has left by then."""

        def told() -> None:
            if exchange.done:
                return
            try:
                step()
            except Problem as problem:
                refuse(problem)
            except Exception:
                exchange.crashed()

        self._tokens.wait(question.name, told, lambda: refuse(unanswered()))
