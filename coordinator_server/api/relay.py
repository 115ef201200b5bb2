"""The WebSockets that workers open because we asked them to: each carries one connection, whose client we are."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from coordinator_server.api.worker_auth import identify_for_long
from coordinator_server.application import Coordinator
from coordinator_server.relay.calls import RelayedCalls
from coordinator_server.relay.hub import RelayHub
from coordinator_server.relay.refusals import Refusals, refuse
from node.forwarding.http1.app_bridge import AppBridge
from node.forwarding.http1.exchange import Exchange
from node.forwarding.websocket.handshake import accept, check_handshake
from node.wire.channel import RELAY_PATH
from node.wire.problems import Problem


@contextlib.asynccontextmanager
async def relay_doors(coordinator: Coordinator, hub: RelayHub, bridge: AppBridge) -> AsyncIterator[None]:
    """Have the doors of the relay open: for workers' connections, and for what nodes send over them."""
    door = RelayDoor(coordinator, hub, bridge)
    calls = RelayedCalls(coordinator, hub, bridge)
    try:
        yield
    finally:
        await calls.stop()
        await door.stop()


class RelayDoor:
    """Takes what is below the relay's path before the application sees it, as no application is needed for it."""

    def __init__(self, coordinator: Coordinator, hub: RelayHub, bridge: AppBridge) -> None:
        self._coordinator = coordinator
        self._hub = hub
        self._refusals = Refusals(coordinator.audit, bridge)
        bridge.beside(RELAY_PATH, self.take)

    async def stop(self) -> None:
        await self._refusals.stop()

    def take(self, exchange: Exchange) -> None:
        """Let a worker in that comes with a ticket of its own and a credential that is good now."""
        subject = ""
        try:
            check_handshake(exchange.head)
            if "origin" in exchange.head.values:
                raise Problem("forbidden", "This address is for workers, not for browsers.")
            ticket = exchange.head.target.removeprefix(RELAY_PATH)
            if not self._hub.is_given(ticket):
                raise _unknown()
            enrolment, expires_at = identify_for_long(self._coordinator, exchange.head.get("authorization"))
            subject = enrolment.worker_id
            if not self._hub.use(ticket, subject):
                raise Problem("forbidden", "This ticket is another worker's.")
        except Problem as problem:
            self._refuse(exchange, subject, problem)
            return
        transport, early = accept(exchange)
        self._hub.arrived(subject, transport, early, expires_at)

    def _refuse(self, exchange: Exchange, subject: str, problem: Problem) -> None:
        self._hub.refused += 1
        if problem.kind == "invalid-request":
            refuse(exchange, problem)
        else:
            self._refusals.refuse_and_note(exchange, subject, problem)


def _unknown() -> Problem:
    return Problem("not-found", "This ticket was not given, was used already, or has expired.")
