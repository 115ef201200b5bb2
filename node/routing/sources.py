"""Where candidates come from: the protocols of what the router is given, and the order in which it asks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from node.routing.candidates import Candidate, RelayBases, candidate_from_record
from node.routing.loads import known_since, newest
from node.routing.stats import RoutingCounters
from node.state import AskedSource
from node.wire.manifests import Manifest
from node.wire.messages import WorkerRecord

log = logging.getLogger(__name__)

ERROR_CHARACTERS = 200
Doubts = Callable[[str], Collection[str]]  # whose answers for a service were wrong


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


@dataclass(frozen=True, slots=True)
class Finding:
    """What a lookup found, and which sources it asked."""

    candidates: Sequence[Candidate] = ()
    asked: tuple[AskedSource, ...] = ()


class Finder:
    """Asks the sources, each for at most `timeout` seconds, and leaves ourselves out of what they say.

    `clock` is the router's, by which it is noted since when a load is known; `wall` gives Unix seconds. `doubted`
    tells who is to be left out as long as others are found.
    """

    def __init__(
        self,
        sources: Sequence[CandidateSource],
        *,
        own_id: str,
        timeout: float,
        vpn_up: Callable[[], bool],
        counters: RoutingCounters,
        clock: Callable[[], float],
        wall: Callable[[], float],
        own_port: int = 0,
        relay: RelayBases | None = None,
        doubted: Doubts = lambda _service: (),
    ) -> None:
        self._sources = sources
        self._doubted = doubted
        self._own_port = own_port
        self._relay = relay
        self._own_id = own_id
        self._timeout = timeout
        self._vpn_up = vpn_up
        self._counters = counters
        self._clock = clock
        self._wall = wall
        self._troubles: dict[str, str] = {}  # by source, so that each is logged once and not at every lookup

    async def first(self, service: str, *, vetted: bool = False) -> Finding:
        """Ask one source after the other until one finds somebody whose answers nobody doubts.

        For who needs `vetted` workers it goes on until one of them is: of many the DHT tells only some. Where no
        source finds such, whoever was found first is better than nobody.
        """
        asked: list[AskedSource] = []
        doubted, found = self._doubted(service), Finding()
        for source in self._sources:
            finding = await self._ask(source, service)
            asked += finding.asked
            good = tuple(item for item in finding.candidates if item.worker_id not in doubted)
            if any(item.vetted or not vetted for item in good):
                return Finding(good, tuple(asked))
            found = found if found.candidates else finding
        return Finding(tuple(found.candidates), tuple(asked))

    async def all(self, service: str) -> Finding:
        """Ask every source at once and join what they find: all of it, for whoever was known has failed.

        An earlier source's word on where a worker is counts, and the newest of all on how busy it is.
        """
        findings = await asyncio.gather(*(self._ask(source, service) for source in self._sources))
        joined: dict[str, Candidate] = {}
        for candidate in (item for finding in findings for item in finding.candidates):
            known = joined.setdefault(candidate.worker_id, candidate)
            joined[candidate.worker_id] = known.told(newest(known.said, candidate.said))
        return Finding(tuple(joined.values()), tuple(item for finding in findings for item in finding.asked))

    async def _ask(self, source: CandidateSource, service: str) -> Finding:
        if source.name == "dht":
            self._counters.dht_lookups += 1
        try:
            async with asyncio.timeout(self._timeout):
                records = await source.find(service)
        except Exception as error:  # a source that is broken must not break the others
            text = (str(error) or type(error).__name__)[:ERROR_CHARACTERS]
            if self._troubles.get(source.name) != text:
                log.warning("%s cannot be asked for %s: %s", source.name, service, text)
            self._troubles[source.name] = text
            return Finding((), (AskedSource(name=source.name, error=text),))
        self._troubles.pop(source.name, None)
        found = self._candidates(records, source.name)
        return Finding(found, (AskedSource(name=source.name, found=len(found)),))

    def _candidates(self, records: Sequence[WorkerRecord], source: Literal["dht", "registry"]) -> list[Candidate]:
        vpn_up, now, wall = self._vpn_up(), self._clock(), self._wall()
        made = (
            candidate_from_record(
                record,
                source,
                vpn_up=vpn_up,
                known_at=known_since(record.last_seen, wall=wall, now=now),
                own_port=self._own_port,
                relay=self._relay,
            )
            for record in records
        )
        return [item for item in made if item is not None and item.worker_id != self._own_id]
