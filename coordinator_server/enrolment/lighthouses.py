"""The coordinators in the overlay: where each is found, as every other coordinator and all workers are told."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

import msgspec

from coordinator_server.enrolment.leases import Lease
from coordinator_server.store.interface import ABSENT, Store, Versioned, Write
from node.wire.messages import UNREADABLE, Lighthouse

log = logging.getLogger(__name__)
PREFIX = "lighthouse/"
MOST = 16  # what a grant holds


class Station(msgspec.Struct, frozen=True, kw_only=True):
    """One coordinator's place: its lease, and its addresses outside of the overlay (HOST:PORT, UDP)."""

    coordinator_id: str
    lease: Lease
    endpoints: tuple[str, ...] = ()
    relay: bool = True
    dht_port: int | None = None  # of its DHT node in the overlay, UDP
    absent: bool = False  # it runs without the overlay, so that nobody waits for what it has there


class Lighthouses:
    """All coordinators that are in the overlay; `load` sees what the others changed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._stations: dict[str, Station] = {}
        self._versions: dict[str, int] = {}  # also of what nobody can read, so that it can be written anew

    async def load(self) -> None:
        """See what the others changed; of a station that nobody can read, keep what was known."""
        stations, versions = {}, {}
        for key, entry in await self._store.list(PREFIX):
            coordinator_id = key.removeprefix(PREFIX)
            station = self._read(coordinator_id, entry)
            versions[coordinator_id] = entry.version
            if station is not None:
                stations[coordinator_id] = station
        self._stations, self._versions = stations, versions

    def _read(self, coordinator_id: str, entry: Versioned) -> Station | None:
        try:
            return msgspec.json.decode(entry.value, type=Station)
        except UNREADABLE as error:
            if self._versions.get(coordinator_id) != entry.version:  # else it was told
                log.error(
                    "the place of %s in the overlay cannot be read in the store, and is left as it was: %s",
                    *(coordinator_id, error),
                )
            return self._stations.get(coordinator_id)

    def __iter__(self) -> Iterator[Station]:
        return iter(list(self._stations.values()))

    def get(self, coordinator_id: str) -> Station | None:
        return self._stations.get(coordinator_id)

    async def put(self, station: Station, also: Sequence[Write] = ()) -> bool:
        """Keep a station; return False when it or another write is not at its expected version any more."""
        version = self._versions.get(station.coordinator_id, ABSENT)
        write = Write(PREFIX + station.coordinator_id, msgspec.json.encode(station), version)
        done = await self._store.commit([write, *also])
        await self.load()
        return done

    async def withdraw(self, coordinator_id: str) -> None:
        """Tell nobody of a coordinator that runs without the overlay, nor wait for it; it keeps its lease."""
        while (station := self.get(coordinator_id)) is not None and not station.absent:
            await self.put(msgspec.structs.replace(station, endpoints=(), absent=True))

    def told(self, now: float) -> tuple[Lighthouse, ...]:
        """Return what members have to know, in an order that does not change by itself."""
        live = [station for station in self if station.lease.is_live(now) and station.endpoints]
        live.sort(key=lambda station: station.coordinator_id)
        return tuple(
            Lighthouse(
                vpn_ip=station.lease.ip,
                endpoints=station.endpoints,
                relay=station.relay,
                dht_port=station.dht_port,
            )
            for station in live[:MOST]
        )
