"""Puts the gateway's data plane together: the shared router over the registry, which hears at once who fails."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Protocol

from coordinator_server.config import CoordinatorConfig
from coordinator_server.gateway.routes import ANSWERS
from coordinator_server.relay.connector import GatewayConnector, ToWorker
from node.forwarding.forwarder import RELAY, Forwarder, TokenFor
from node.forwarding.interface import Target
from node.routing.candidates import RelayBases, candidate_from_record
from node.routing.router import Router
from node.routing.settings import RoutingSettings
from node.routing.sources import CandidateSource
from node.routing.stats import Outcome
from node.wire.manifests import Catalogue
from node.wire.messages import WorkerRecord

CACHE_TTL = 1.0  # seconds: the registry is in this very process
REMEMBERED = 4096


class Recorded(Protocol):
    """A worker of which there is a record."""

    def record(self) -> WorkerRecord: ...


class Registry(Protocol):
    """What is told and asked of the registry."""

    @property
    def vpn_up(self) -> bool: ...

    def member(self, worker_id: str) -> Recorded | None: ...

    def report_failure(self, worker_id: str) -> None: ...

    def update_load(self, worker_id: str, load: float) -> None: ...


class RegistrySource(Registry, CandidateSource, Protocol):
    """A registry that also finds candidates."""


class Reporter:
    """Tells the registry what a try showed: the load of a worker that answered, or that one does not.

    A worker with several addresses has failed only when none of them took the connection.
    """

    def __init__(self, registry: Registry, relay: RelayBases | None = None) -> None:
        self._registry = registry
        self._relay = relay
        self._silent: OrderedDict[str, set[str]] = OrderedDict()

    def answered(self, worker_id: str, load: float | None) -> None:
        """Take over the load that an answer told."""
        if self._silent:
            self._silent.pop(worker_id, None)
        if load is not None:
            self._registry.update_load(worker_id, load)

    def failed(self, worker_id: str) -> None:
        """Report a worker that broke off or kept us waiting."""
        self._registry.report_failure(worker_id)

    def unreachable(self, worker_id: str, target: Target) -> None:
        """Note an address that takes no connection, and report the worker when all of them do not."""
        silent = self._silent.setdefault(worker_id, set())
        silent.add(target.base_url)
        self._silent.move_to_end(worker_id)
        while len(self._silent) > REMEMBERED:
            self._silent.popitem(last=False)
        if silent.issuperset(self._addresses(worker_id)):
            del self._silent[worker_id]
            self._registry.report_failure(worker_id)

    def _addresses(self, worker_id: str) -> Sequence[str]:
        member = self._registry.member(worker_id)
        if member is None:
            return ()
        candidate = candidate_from_record(
            member.record(), "registry", vpn_up=self._registry.vpn_up, relay=self._relay
        )
        return [target.base_url for target in candidate.targets] if candidate else ()


def relay_base(record: WorkerRecord) -> str:
    """Return where a relayed worker is for our forwarder, whose connections the hub makes."""
    return f"{RELAY}://{record.worker_id}"


def relay_bases(record: WorkerRecord) -> Sequence[str]:
    """Return the same as the only way by relay: that of a coordinator without others."""
    return (relay_base(record),)


def router_over(
    config: CoordinatorConfig,
    catalogue: Catalogue,
    registry: RegistrySource,
    token_for: TokenFor,
    observer: Callable[[Outcome], None],
    *,
    relayed: ToWorker | None = None,
    relay: RelayBases = relay_bases,
) -> Router:
    """Make a gateway's router over a registry; `token_for` gives the tokens that prove us to workers.

    `observer` hears of every request that has ended. `relayed` connects to workers that open connections to us;
    without it there are none. `relay` says where each is reached so.
    """
    return Router(
        worker_id="",  # a gateway runs no services itself
        catalogue=lambda: catalogue,
        local=None,
        vpn_up=lambda: registry.vpn_up,
        sources=[registry],
        forwarder=Forwarder(token_for, connect=GatewayConnector(relayed) if relayed is not None else None),
        relay=relay if relayed is not None else None,
        witness=Reporter(registry, relay if relayed is not None else None),
        answers=ANSWERS,
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
