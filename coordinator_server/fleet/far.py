"""Finds workers that are not registered here: other coordinators know them, or the DHT, and how each is reached.

What is in the DHT a worker says of itself, so that of its addresses only those are used that lead nowhere into our
own network: its place in the overlay, as it was leased, addresses of the internet, and other coordinators.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as replace_fields
from typing import Literal

from msgspec.structs import replace

from coordinator_server.enrolment.workers import Enrolment, Workers
from coordinator_server.fleet.fleet import Fleet
from coordinator_server.registry.belief import may_run
from coordinator_server.registry.endpoints import is_public_url
from coordinator_server.registry.membership import Member
from coordinator_server.registry.registry import Registry
from node.forwarding.public_addresses import is_public
from node.program.tasks import TaskSet
from node.wire.manifests import Catalogue, Manifest
from node.wire.messages import WorkerRecord
from node.wire.problems import Problem
from node.wire.relayed import relayed_url

log = logging.getLogger(__name__)
FRESH, NOBODY_FRESH = 5.0, 1.0  # seconds for which it is believed who is there, and that nobody is
STALE = 60.0  # seconds after that for which it serves while it is looked up again
PATIENCE = 2.5  # seconds for a lookup: requests wait for it
KEPT = 30.0  # seconds for which who was there is still tried when nobody is found: it may be on its way elsewhere
MOST = 64  # workers of one service


Find = Callable[[str], Awaitable[Sequence[WorkerRecord]]]


@dataclass(frozen=True, slots=True)
class Known:
    """What lookups of a service found, and when; `found` says whether the last one did."""

    looked_up_at: float
    found_at: float = float("-inf")
    records: Sequence[WorkerRecord] = ()
    found: bool = True


NOBODY = Known(float("-inf"), found=False)


class FarWorkers:
    """Knows for each service who of those that are not registered here offers it, for a while."""

    def __init__(
        self,
        sources: Sequence[Find],
        workers: Workers,
        catalogue: Catalogue,
        fleet: Fleet,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Ask the `sources` in turn until one finds somebody; `clock` gives seconds and never steps back."""
        self._sources = sources
        self._workers = workers
        self._services = catalogue.by_name()
        self._fleet = fleet
        self._clock = clock
        self._known: dict[str, Known] = {}  # by service of the catalogue
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._tasks = TaskSet("far-workers")
        self.version = 0  # rises with what is known

    @property
    def any(self) -> bool:
        """Tell whether there may be workers elsewhere: not while we are the only coordinator."""
        return bool(self._fleet.others)

    @property
    def services(self) -> Iterable[str]:
        return self._services

    async def stop(self) -> None:
        await self._tasks.stop()

    async def find(self, service: str) -> Sequence[WorkerRecord]:
        """Return who offers a service; what was known a moment ago serves while it is looked up again."""
        manifest = self._services.get(service)
        if manifest is None or not self.any:
            return ()
        known = self._known.get(service, NOBODY)
        age = self._clock() - known.looked_up_at
        if age >= (FRESH if known.found else NOBODY_FRESH):
            looking = self._under_way.get(service) or self._begin(manifest)
            if not known.records or age >= FRESH + STALE:
                await asyncio.wait([looking])
                known = self._known.get(service, NOBODY)
        return [record for record in known.records if not self._workers.is_revoked(record.worker_id)]

    def known(self, service: str) -> Sequence[WorkerRecord]:
        """Return who was found the last time."""
        records = self._known.get(service, NOBODY).records if self.any else ()
        return [record for record in records if not self._workers.is_revoked(record.worker_id)]

    def doubt(self, worker_id: str) -> None:
        """Look again soon at what a worker offers: it could not be reached where it was found."""
        for service, known in tuple(self._known.items()):
            if known.found and any(record.worker_id == worker_id for record in known.records):
                self._known[service] = replace_fields(known, found=False)

    def _begin(self, manifest: Manifest) -> asyncio.Task[None]:
        looking = self._under_way[manifest.name] = self._tasks.start(self._look_up(manifest), "look up")
        looking.add_done_callback(lambda _: self._under_way.pop(manifest.name, None))
        return looking

    async def _look_up(self, manifest: Manifest) -> None:
        found: list[WorkerRecord] = []
        try:
            async with asyncio.timeout(PATIENCE):
                for source in self._sources:
                    found = await self._believed(await source(manifest.name), manifest)
                    if found:
                        break
        except (TimeoutError, OSError, Problem) as error:
            log.info("it could not be found who offers %s elsewhere: %s", manifest.name, error or "no answer")
        self.version += 1
        now, before = self._clock(), self._known.get(manifest.name, NOBODY)
        if found:
            self._known[manifest.name] = Known(now, now, found)
        elif now - before.found_at < KEPT:
            self._known[manifest.name] = replace_fields(before, looked_up_at=now, found=False)
        else:
            self._known[manifest.name] = Known(now, found=False)

    async def _believed(self, records: Sequence[WorkerRecord], manifest: Manifest) -> list[WorkerRecord]:
        found = []
        for record in records[:MOST]:
            enrolment = await self._workers.refresh(record.worker_id)
            checked = believed(record, enrolment, manifest)
            if checked is not None:
                found.append(checked)
        return found


class Everywhere:
    """The registry, and workers elsewhere where nobody here can serve: what the gateway's router asks.

    With one coordinator it is the registry alone.
    """

    name: Literal["registry"] = "registry"

    def __init__(
        self,
        registry: Registry,
        far: FarWorkers,
        on_probation: Callable[[str, str], bool] = lambda _worker_id, _service: False,
    ) -> None:
        """`on_probation` says so of a worker and a service; others are asked first, wherever they are."""
        self._registry = registry
        self._far = far
        self._on_probation = on_probation

    @property
    def vpn_up(self) -> bool:
        return self._registry.vpn_up

    def member(self, worker_id: str) -> Member | None:
        return self._registry.member(worker_id)

    def report_failure(self, worker_id: str) -> None:
        self._registry.report_failure(worker_id)
        self._far.doubt(worker_id)

    def update_load(self, worker_id: str, load: float) -> None:
        self._registry.update_load(worker_id, load)

    async def find(self, service: str) -> Sequence[WorkerRecord]:
        """Return who may be asked; of those that failed here it is seen how they are reached otherwise."""
        here = await self._registry.find(service)
        if not self._far.any or self._suffices(here, service):
            return here
        return self._with(here, await self._far.find(service), service)

    # What gateway processes are told, who cannot look anything up.

    @property
    def version(self) -> int:
        return self._registry.version + self._far.version

    def offers(self) -> Mapping[str, Sequence[WorkerRecord]]:
        """Return who may be asked for each service, as far as is known."""
        here = self._registry.offers()
        if not self._far.any:
            return here
        found = {
            service: self._with(here.get(service, ()), self._far.known(service), service)
            for service in self._lacking(here)
        }
        return {**here, **{service: records for service, records in found.items() if records}}

    async def look(self) -> None:
        """Look up elsewhere what nobody here serves."""
        if self._far.any:
            for service in self._lacking(self._registry.offers()):
                await self._far.find(service)

    def _lacking(self, here: Mapping[str, Sequence[WorkerRecord]]) -> list[str]:
        return [service for service in self._far.services if not self._suffices(here.get(service, ()), service)]

    def _suffices(self, here: Sequence[WorkerRecord], service: str) -> bool:
        """Say whether the registry found somebody who is well: it names others only where nobody is."""
        return bool(here) and not (self._has_failed(here[0]) or self._on_probation(here[0].worker_id, service))

    def _with(
        self, here: Sequence[WorkerRecord], far: Sequence[WorkerRecord], service: str
    ) -> Sequence[WorkerRecord]:
        found = joined(here, [record for record in far if not self._rests(record)])
        return [record for record in found if not self._on_probation(record.worker_id, service)] or found

    def _has_failed(self, record: WorkerRecord) -> bool:
        member = self._registry.member(record.worker_id)
        return member is not None and member.failed

    def _rests(self, record: WorkerRecord) -> bool:
        """Tell whether a worker is here and said that it takes no requests: its word in the DHT is older."""
        member = self._registry.member(record.worker_id)
        if member is None or self._registry.status(member) == "stale":
            return False
        return not (member.failed and self._registry.status(member) == "active")


def joined(here: Sequence[WorkerRecord], far: Sequence[WorkerRecord]) -> Sequence[WorkerRecord]:
    """Return both, each worker once: at the addresses that we have seen, by the relays that it names."""
    known: dict[str, WorkerRecord] = {record.worker_id: record for record in here}
    for record in far:
        own = known.get(record.worker_id)
        known[record.worker_id] = record if own is None else replace(own, relays=record.relays or own.relays)
    return list(known.values())


def believed(record: WorkerRecord, enrolment: Enrolment | None, service: Manifest) -> WorkerRecord | None:
    """Return what we believe of a worker's own words, and None of whom we may not ask."""
    if enrolment is None or enrolment.revoked or enrolment.draining or not may_run(enrolment, service):
        return None
    ends, leased = record.endpoints, enrolment.vpn.ip if enrolment.vpn is not None else None
    tunnel = ends.tunnel_url if ends.tunnel_url and is_public_url(ends.tunnel_url) else None
    checked = replace(
        ends,
        vpn_ip=leased if ends.vpn_ip == leased else None,
        direct_hosts=tuple(host for host in ends.direct_hosts if _is_public(host)),
        tunnel_url=tunnel,
    )
    return replace(record, trust=enrolment.trust, endpoints=checked)


def _is_public(host: str) -> bool:
    try:
        return is_public(host)
    except ValueError:  # a name
        return False


class RelayWays:
    """Says by which coordinators a worker is reached by relay: by ourselves first, through the hub."""

    def __init__(
        self,
        own_id: str,
        fleet: Fleet,
        own: Callable[[WorkerRecord], str],
        offers: Callable[[str], bool],
        is_silent: Callable[[str], bool] = lambda _url: False,
    ) -> None:
        """`own` returns where a worker is by way of our own hub, `offers` tells whether it can be reached so.

        `is_silent` tells of a coordinator's URL whether nobody has answered there lately.
        """
        self._is_silent = is_silent
        self._own_id = own_id
        self._fleet = fleet
        self._own = own
        self._offers = offers

    def __call__(self, record: WorkerRecord) -> Sequence[str]:
        own = (self._own(record),) if self._offers(record.worker_id) else ()
        if record.relays == (self._own_id,):
            return own
        known = (self._fleet.url_of(name) for name in record.relays if name != self._own_id)
        urls = sorted((url for url in known if url is not None), key=self._is_silent)
        return (*own, *(relayed_url(url, record.worker_id) for url in urls))
