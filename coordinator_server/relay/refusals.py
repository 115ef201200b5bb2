"""Refuses who comes to a door of the relay, and keeps a line about it in the audit log before it is said."""

from __future__ import annotations

from coordinator_server.api.addresses import address_behind
from coordinator_server.audit import Audit
from node.forwarding.headers import Fields, request_id_of
from node.forwarding.http1.app_bridge import AppBridge
from node.forwarding.http1.exchange import Exchange
from node.forwarding.http1.head import field_line
from node.program.tasks import TaskSet
from node.wire.headers import REQUEST_ID
from node.wire.problems import Problem

MOST = 256  # lines that are being kept at once


class Refusals:
    """Those of one door, until `stop`."""

    def __init__(self, audit: Audit, bridge: AppBridge) -> None:
        self._audit = audit
        self._bridge = bridge
        self._tasks = TaskSet("relay-refusals")

    async def stop(self) -> None:
        await self._tasks.stop()

    def refuse_and_note(self, exchange: Exchange, worker_id: str, problem: Problem) -> None:
        """Refuse a worker ("" for who is not known) with a line, or without one where too many are under way."""
        if len(self._tasks) < MOST:
            self._tasks.start(self._note(exchange, worker_id, problem), "note")
        else:
            refuse(exchange, problem)

    async def _note(self, exchange: Exchange, worker_id: str, problem: Problem) -> None:
        name = self._bridge.end_of(exchange).get_extra_info("peername")
        peer = name[0] if isinstance(name, tuple) else ""
        line = self._audit.line(
            "relay-refused",
            actor=f"worker:{worker_id}" if worker_id else "anonymous",
            subject=worker_id,
            detail=problem.detail,
            address=address_behind(peer, Fields(exchange.head)),
            outcome="refused",
        )
        try:
            await self._audit.refusal(line)
        finally:
            refuse(exchange, problem)


def refuse(exchange: Exchange, problem: Problem) -> None:
    """Refuse a request under the id that it brought."""
    exchange.request_id = request_id_of(exchange.head)
    exchange.refuse(problem, field_line(REQUEST_ID, exchange.request_id))
