"""Puts the gateway's data plane together: the shared router over the registry, which hears at once who fails."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Protocol

from coordinator_server.application import Coordinator
from coordinator_server.registry.membership import Member
from node.forwarding.aiohttp_forwarder import AiohttpForwarder
from node.forwarding.interface import (
    Callee,
    ConnectFailed,
    Exchange,
    Forwarder,
    ForwardingError,
    Limits,
    Upstream,
)
from node.routing.candidates import candidate_from_record
from node.routing.dispatch import parse_load
from node.routing.router import Router
from node.routing.settings import RoutingSettings
from node.routing.stats import Outcome
from node.wire import headers

CACHE_TTL = 1.0  # seconds: the registry is in this very process
REMEMBERED = 4096


class Registry(Protocol):
    """What is told and asked of the registry."""

    def member(self, worker_id: str) -> Member | None: ...

    def report_failure(self, worker_id: str) -> None: ...

    def update_load(self, worker_id: str, load: float) -> None: ...


class ReportingForwarder(Forwarder):
    """Tells the registry what a try showed: the load of a worker that answered, or that one does not.

    A worker with several addresses has failed only when none of them took the connection.
    """

    def __init__(self, inner: Forwarder, registry: Registry) -> None:
        self._inner = inner
        self._registry = registry
        self._silent: OrderedDict[str, set[str]] = OrderedDict()

    async def attempt(self, callee: Callee, exchange: Exchange, limits: Limits) -> Upstream:
        try:
            upstream = await self._inner.attempt(callee, exchange, limits)
        except ConnectFailed:
            self._note_silence(callee)
            raise
        except ForwardingError:
            self._registry.report_failure(callee.worker_id)
            raise
        self._silent.pop(callee.worker_id, None)
        load = parse_load(upstream.headers.get(headers.LOAD))
        if load is not None:
            self._registry.update_load(callee.worker_id, load)
        return upstream

    async def stop(self) -> None:
        await self._inner.stop()

    def _note_silence(self, callee: Callee) -> None:
        silent = self._silent.setdefault(callee.worker_id, set())
        silent.add(callee.target.base_url)
        self._silent.move_to_end(callee.worker_id)
        while len(self._silent) > REMEMBERED:
            self._silent.popitem(last=False)
        if silent.issuperset(self._addresses(callee.worker_id)):
            del self._silent[callee.worker_id]
            self._registry.report_failure(callee.worker_id)

    def _addresses(self, worker_id: str) -> Sequence[str]:
        member = self._registry.member(worker_id)
        if member is None:
            return ()
        candidate = candidate_from_record(member.record(), "registry", vpn_up=False)
        return [target.base_url for target in candidate.targets] if candidate else ()


def make_router(coordinator: Coordinator, observer: Callable[[Outcome], None]) -> Router:
    """Make the gateway's router; `observer` hears of every request that has ended."""
    config = coordinator.config
    return Router(
        worker_id="",  # a gateway runs no services itself
        catalogue=lambda: coordinator.catalogue,
        local=None,
        sources=[coordinator.registry],
        forwarder=ReportingForwarder(AiohttpForwarder(coordinator.token_issuer.issue), coordinator.registry),
        settings=RoutingSettings(
            cache_ttl=CACHE_TTL,
            attempts=config.retry_attempts,
            hedge_after=config.hedge_after,
            retry_base=config.retry_base_ms / 1000.0,
            connect_timeout=config.connect_timeout,
            first_byte_timeout=config.first_byte_timeout,
            idle_timeout=config.idle_timeout,
            request_timeout=config.request_timeout,
        ),
        observer=observer,
    )
