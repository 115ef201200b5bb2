"""Says again and again what this node is, and takes back what it no longer is."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.dht import records
from node.dht.records import Body, Kind, RecordTooLargeError
from node.dht.server import MeshServer
from node.dht.settings import DhtSettings
from node.dht.stats import Counters
from node.dht.verifier import RecordError
from node.wire.credentials import CLOCK_SKEW
from node.wire.messages import CoordinatorInfo, WorkerRecord

AT_ONCE = 4  # keys that are announced at a time
LOAD_CHANGE = 0.1  # of load that is worth an announcement of its own
log = logging.getLogger(__name__)

Place = tuple[Kind, str]


@dataclass(frozen=True, slots=True)
class Statement:
    """What a node wants the mesh to know: itself as a worker with services, as a coordinator, or nothing."""

    record: WorkerRecord | None = None
    services: tuple[str, ...] = ()
    info: CoordinatorInfo | None = None

    def places(self) -> frozenset[Place]:
        """Return the kinds and names of the keys under which it is said."""
        places: set[Place] = set()
        if self.record is not None:
            places |= {(Kind.WORKER, ""), *((Kind.SERVICE, service) for service in self.services)}
        if self.info is not None:
            places |= {(Kind.COORDINATOR, ""), (Kind.COORDINATORS, "")}
        return frozenset(places)

    def differs(self, other: Statement) -> bool:
        """Whether the difference to another one cannot wait for the next regular announcement."""
        if self.places() != other.places() or self.info != other.info:
            return True
        if self.record is None or other.record is None:
            return False
        moved = self.record.endpoints != other.record.endpoints
        return moved or abs(self.record.load - other.record.load) >= LOAD_CHANGE


@dataclass(slots=True)
class Announced:
    """Where this node has entries out in the mesh, and until when (Unix seconds)."""

    until: dict[Place, float] = field(default_factory=dict)

    def withdrawn(self, wanted: frozenset[Place], now: float) -> list[Place]:
        """Return what is out and no longer wanted; what has expired by itself is forgotten."""
        self.until = {place: until for place, until in self.until.items() if until > now}
        return [place for place in self.until if place not in wanted]


class Publisher:
    """Signs and announces one node's statement; `credential` (raw bytes) may be replaced at any time."""

    def __init__(
        self,
        *,
        identity: Ed25519PrivateKey,
        subject: str,
        credential: bytes,
        server: MeshServer,
        settings: DhtSettings,
        counters: Counters,
        clock: Callable[[], float],
        rng: random.Random,
    ) -> None:
        self.credential = credential
        self._identity = identity
        self._subject = subject
        self._server = server
        self._settings = settings
        self._counters = counters
        self._clock = clock
        self._rng = rng
        self._statement = Statement()
        self._announced = Announced()
        self._sequence = 0
        self._lock = asyncio.Lock()
        self._wake = asyncio.Event()

    @property
    def statement(self) -> Statement:
        return self._statement

    async def say(self, statement: Statement) -> None:
        """Make this the statement from now on; announce it now where it says something new."""
        before, self._statement = self._statement, statement
        if statement.differs(before):
            await self.announce()

    def wake(self) -> None:
        """Announce soon, as after joining."""
        self._wake.set()

    async def run(self) -> None:
        """Announce for ever; the owner cancels it."""
        pause = self._settings.republish
        while True:
            woken = await self._woken_within(pause * self._rng.uniform(0.9, 1.1))
            # After joining, contacts are still coming in: say it once more soon.
            pause = self._settings.republish / (8 if woken else 1)
            await self.announce()

    async def _woken_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return False
        self._wake.clear()
        return True

    async def announce(self) -> None:
        """Store every entry of the statement, and a tombstone wherever we have an entry that no longer holds."""
        async with self._lock:
            statement, now = self._statement, self._clock()
            wanted = statement.places()
            gone = self._announced.withdrawn(wanted, now)
            limit = asyncio.Semaphore(AT_ONCE)

            async def one(place: Place, payload: bytes) -> None:
                async with limit:
                    await self._store(place, payload)

            payloads = {**self._payloads(statement), **dict.fromkeys(gone, b"")}
            await asyncio.gather(*(one(place, payload) for place, payload in payloads.items()))
            for place in gone:
                self._announced.until.pop(place, None)

    async def withdraw(self) -> None:
        """Say that nothing holds any more."""
        await self.say(Statement())

    def _payloads(self, statement: Statement) -> Mapping[Place, bytes]:
        payloads: dict[Place, bytes] = {}
        for kind, name in sorted(statement.places()):
            room = records.room_for_payload(kind, name, self.credential)
            try:
                payloads[kind, name] = _payload(kind, statement, room)
            except RecordTooLargeError as error:
                log.warning("this node cannot be announced under %s %s: %s", kind.name, name, error)
        return payloads

    async def _store(self, place: Place, payload: bytes) -> None:
        """Sign an entry, keep it ourselves and give it to the nodes nearest to its key."""
        kind, name = place
        expires_at = self._clock() + min(self._settings.entry_ttl, records.MAX_LIFE - 1)
        body = Body(kind, name, self._next_sequence(), int(expires_at), payload, self.credential)
        data = records.sign(body, self._identity)
        key = records.key_of(kind, name, self._subject)
        self._announced.until[place] = expires_at
        try:
            self._server.storage.put(key, data)
        except RecordError as error:
            self._counters.rejected[error.reason] += 1
            log.warning("this node's own %s entry is not kept here (%s): %s", kind.name, error.reason, error)
            if error.reason != "full":  # others may still have room
                return
        await self._server.set_digest(key, data)
        self._counters.published += 1

    def _next_sequence(self) -> int:
        """Return a higher number than ever, unless that was made by a clock that was far ahead: nobody takes it."""
        now = int(self._clock() * 1000)
        believable = self._sequence < now + CLOCK_SKEW * 1000
        self._sequence = max(self._sequence + 1, now) if believable else now
        return self._sequence


def _payload(kind: Kind, statement: Statement, room: int) -> bytes:
    if kind is Kind.SERVICE:
        assert statement.record is not None
        return records.service_payload(statement.record, room)
    if kind is Kind.WORKER:
        assert statement.record is not None
        return records.worker_payload(statement.record, room)
    assert statement.info is not None
    return records.coordinator_payload(statement.info, room)


def service_names(services: Iterable[str]) -> tuple[str, ...]:
    """Return the names once each, in order."""
    return tuple(sorted(set(services)))
