"""The first process's end of the line to one gateway process: answers what it asks, and takes what it tells.

Whatever comes is from a process that talks with everybody: it gets tokens at the rates that we know, keys whose ids
it names, and nothing else of the store; what it counts goes under names that we know.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, assert_never

from msgspec.structs import replace

from coordinator_server.application import Coordinator
from coordinator_server.gateway.access import WRONG_KEYS, Kind
from coordinator_server.gateway.rates import Rate, parse_rate
from coordinator_server.gateway_processes.leases import MOST, Office
from coordinator_server.gateway_processes.messages import (
    Failed,
    FromGateway,
    GivesBack,
    Granted,
    KeyIs,
    Noted,
    Refusal,
    Report,
    Resync,
    Retire,
    Seen,
    Serving,
    Wants,
    WhoIs,
)
from coordinator_server.gateway_processes.publisher import Publisher, Send
from coordinator_server.gateway_processes.reports import Elsewhere, counted_in
from coordinator_server.metrics import Metrics
from node.program.tasks import TaskSet
from node.routing.router import Router

MOST_OPEN = 8192  # questions of one process; a process asks fewer


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What all desks work with."""

    coordinator: Coordinator
    router: Router
    metrics: Metrics
    elsewhere: Elsewhere
    office: Office
    publisher: Publisher


class Desk:
    """Serves one gateway process; `serving` and `retire` hear what is the supervisor's."""

    def __init__(
        self, shared: Shared, process: int, send: Send, *, serving: Callable[[], None], retire: Callable[[], None]
    ) -> None:
        self._shared = shared
        self._process = process
        self._send = send
        self._serving = serving
        self._retire = retire
        self._services = {manifest.name for manifest in shared.coordinator.catalogue.manifests}
        self._tasks = TaskSet("desk")

    def open(self) -> None:
        """Tell the process all that it has to know."""
        self._shared.publisher.listen(self._process, self._send)

    async def close(self) -> None:
        """Forget a process that is gone; what it had counted stays."""
        self._shared.publisher.forget(self._process)
        self._shared.elsewhere.ended(self._process)
        await self._tasks.stop()

    def hear(self, message: FromGateway) -> None:
        """Take a message."""
        match message:
            case Wants():
                self._wants(message)
            case GivesBack():
                self._takes_back(message)
            case WhoIs():
                self._do(self._tell_key(message))
            case Refusal():
                self._do(self._keep(message))
            case Report():
                self._report(message)
            case Failed():
                self._failed(message)
            case _:
                self._hear_of_itself(message)

    def _hear_of_itself(self, message: Serving | Retire | Resync | Seen) -> None:
        match message:
            case Serving():
                self._shared.publisher.serves(self._process)
                self._serving()
            case Retire():
                self._retire()
            case Resync():
                self.open()
            case Seen():
                self._shared.publisher.seen(self._process, message.number)
            case _:
                assert_never(message)

    # --- rates --------------------------------------------------------------------------------------------------

    def _wants(self, message: Wants) -> None:
        rate = self._rate(message.kind, message.key)
        if rate is not None and not self._lacks(message, rate):
            self._grant(message, rate)
        elif rate is not None:
            self._do(self._grant_when_fetched(message, rate))
        else:
            self._do(self._grant_when_known(message))

    async def _grant_when_known(self, message: Wants) -> None:
        """Read the key first: its rate is not for another process to say."""
        key = await self._shared.coordinator.keys.get(message.key)
        if key is None:  # revoked meanwhile
            self._send(Granted(message.kind, message.key, 0, 0.0))
        else:
            await self._grant_when_fetched(message, parse_rate(key.rate))

    def _lacks(self, message: Wants, rate: Rate) -> bool:
        shared = self._shared.office.shared() if message.kind == "key" else None
        need, now = min(message.need, MOST), self._shared.coordinator.clock()
        return shared is not None and shared.lacks(message.key, rate, now, need)

    async def _grant_when_fetched(self, message: Wants, rate: Rate) -> None:
        """Take tokens first out of the bucket that we share with other coordinators, where that is needed."""
        shared = self._shared.office.shared()
        if shared is not None and self._lacks(message, rate):
            await shared.fetch(message.key, min(message.need, MOST))
        self._grant(message, rate)

    def _grant(self, message: Wants, rate: Rate) -> None:
        name, now = (message.kind, message.key), self._shared.coordinator.clock()
        tokens, level = self._shared.office.grant(self._process, name, message.need, rate, now)
        self._send(Granted(message.kind, message.key, tokens, level))

    def _takes_back(self, message: GivesBack) -> None:
        rate = self._rate(message.kind, message.key)
        if rate is not None:
            name, now = (message.kind, message.key), self._shared.coordinator.clock()
            self._shared.office.take_back(self._process, name, message.tokens, rate, now)

    def _rate(self, kind: Kind, key: str) -> Rate | None:
        """Return the rate of a bucket; None where the key has to be read for it."""
        if kind == "wrong":
            return WRONG_KEYS
        if kind == "address":
            return parse_rate(self._shared.coordinator.config.address_rate)
        known = self._shared.coordinator.keys.fresh(key)
        return parse_rate(known.rate) if known is not None else None

    # --- workers, keys, audit, counts ---------------------------------------------------------------------------

    def _failed(self, message: Failed) -> None:
        """Take a worker out for all processes."""
        self._shared.coordinator.registry.report_failure(message.worker_id)
        self._shared.router.invalidate_worker(message.worker_id)
        self._shared.publisher.hurry()

    async def _tell_key(self, question: WhoIs) -> None:
        key = await self._shared.coordinator.keys.get(question.key_id)
        self._send(KeyIs(question.question, key))

    async def _keep(self, refusal: Refusal) -> None:
        audit = self._shared.coordinator.audit
        line = audit.line(
            "key-refused",
            actor="anonymous",
            subject=refusal.subject,
            detail=refusal.detail,
            address=refusal.address,
            outcome="refused",
        )
        await audit.refusal(line)
        self._send(Noted(refusal.question))

    def _report(self, report: Report) -> None:
        registry = self._shared.coordinator.registry
        for worker_id, load in report.loads.items():
            registry.update_load(worker_id, load)
        known = registry.member
        counted = counted_in(report, self._services, lambda worker_id: known(worker_id) is not None)
        self._shared.metrics.absorb(counted)
        for (service, worker_id, _, status), count in counted.counts.items():
            self._shared.coordinator.warden.endings.ended(service, worker_id, status, count)
        queues = {name: count for name, count in report.queues.items() if name in self._services}
        uses = self._shared.coordinator.keys.uses
        uses.absorb(report.keys)
        for came in report.came:
            uses.came(came.peer, came.host)
        self._shared.elsewhere.told(self._process, replace(report, queues=queues, keys={}, came=()))

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        if len(self._tasks) >= MOST_OPEN:
            work.close()  # it waits in vain, and is told so by its own time limit
            return
        self._tasks.start(work, "answer")
