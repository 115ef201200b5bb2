"""Where candidates come from: the protocols of what the router is given, and the order in which it asks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from node.routing.candidates import Candidate, candidate_from_record
from node.routing.stats import RoutingCounters
from node.wire.manifests import Manifest
from node.wire.messages import WorkerRecord

log = logging.getLogger(__name__)


class CandidateSource(Protocol):
    """Finds the workers that offer a service; it may raise, which counts as having found none."""

    @property
    def name(self) -> Literal["dht", "registry"]: ...

    async def find(self, service: str) -> Sequence[WorkerRecord]: ...


class LocalTarget(Protocol):
    """A service that runs on this machine and takes requests."""

    @property
    def base_url(self) -> str: ...

    @property
    def service_token(self) -> str: ...

    @property
    def manifest(self) -> Manifest: ...


class LocalServices(Protocol):
    """Tells what runs on this machine."""

    def target(self, service: str) -> LocalTarget | None: ...


class Finder:
    """Asks the sources, each for at most `timeout` seconds, and leaves ourselves out of what they say."""

    def __init__(
        self,
        sources: Sequence[CandidateSource],
        *,
        own_id: str,
        timeout: float,
        vpn_up: Callable[[], bool],
        counters: RoutingCounters,
    ) -> None:
        self._sources = sources
        self._own_id = own_id
        self._timeout = timeout
        self._vpn_up = vpn_up
        self._counters = counters

    async def first(self, service: str) -> Sequence[Candidate]:
        """Ask one source after the other until one finds somebody."""
        for source in self._sources:
            found = await self._ask(source, service)
            if found:
                return found
        return ()

    async def all(self, service: str) -> Sequence[Candidate]:
        """Ask every source at once and join what they find; an earlier source's word on a worker counts."""
        answers = await asyncio.gather(*(self._ask(source, service) for source in self._sources))
        joined: dict[str, Candidate] = {}
        for candidate in (item for answer in answers for item in answer):
            joined.setdefault(candidate.worker_id, candidate)
        return tuple(joined.values())

    async def _ask(self, source: CandidateSource, service: str) -> list[Candidate]:
        if source.name == "dht":
            self._counters.dht_lookups += 1
        try:
            async with asyncio.timeout(self._timeout):
                records = await source.find(service)
        except Exception as error:  # a source that is broken must not break the others
            log.warning("%s cannot be asked for %s: %s", source.name, service, str(error) or type(error).__name__)
            return []
        vpn_up = self._vpn_up()
        made = (candidate_from_record(record, source.name, vpn_up=vpn_up) for record in records)
        return [item for item in made if item is not None and item.worker_id != self._own_id]
