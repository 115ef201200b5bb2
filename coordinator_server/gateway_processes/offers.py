"""Which workers may be asked: as the first process tells it, and as a gateway process knows it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from msgspec.structs import replace

from coordinator_server.gateway_processes.messages import Change, Offer, Snapshot
from node.wire.messages import Capabilities, WorkerRecord

NO_CAPABILITIES = Capabilities()  # routers need none
KEPT_TOKENS = 4096  # of workers that are gone while a request may still be on its way to them

Services = Mapping[str, tuple[str, ...]]


class Book:
    """What all gateway processes have been told, and the number of the last change."""

    def __init__(self) -> None:
        self.sequence = 0
        self._offers: dict[str, Offer] = {}
        self._services: dict[str, tuple[str, ...]] = {}

    def snapshot(self) -> Snapshot:
        return Snapshot(self.sequence, tuple(self._offers.values()), self._services)

    def update(self, offers: Mapping[str, Offer], services: Services) -> Change | None:
        """Take over how things are now; return what is new in it, if anything."""
        changed = tuple(offer for name, offer in offers.items() if self._offers.get(name) != offer)
        gone = tuple(name for name in self._offers if name not in offers)
        moved = {name: who for name, who in services.items() if self._services.get(name) != who}
        moved |= {name: () for name in self._services if name not in services}
        if not (changed or gone or moved):
            return None
        self.sequence += 1
        self._offers, self._services = dict(offers), dict(services)
        return Change(self.sequence, changed, gone, moved)


def offers_of(
    found: Mapping[str, Sequence[WorkerRecord]],
    token_for: Callable[[str], str | None],
    relay: Callable[[WorkerRecord], Sequence[str]] = lambda _record: (),
) -> tuple[dict[str, Offer], dict[str, tuple[str, ...]]]:
    """Return what is to be told of these workers by service, without those for whom there is no token yet.

    `relay` says where each is reached by relay.
    """
    offers: dict[str, Offer] = {}
    services: dict[str, tuple[str, ...]] = {}
    for service, records in found.items():
        for record in records:
            if record.worker_id not in offers:
                token = token_for(record.worker_id)
                if token is not None:
                    ways = tuple(relay(record)) if record.relays else ()
                    offers[record.worker_id] = Offer(replace(record, capabilities=NO_CAPABILITIES), token, ways)
        known = tuple(record.worker_id for record in records if record.worker_id in offers)
        if known:
            services[service] = known
    return offers, services


class Known:
    """A worker as a gateway process knows it."""

    __slots__ = ("_record",)

    def __init__(self, record: WorkerRecord) -> None:
        self._record = record

    def record(self) -> WorkerRecord:
        return self._record


class SharedRegistry:
    """The registry as a gateway process sees it: a candidate source that is told, and tells what requests show.

    `failed` is called when a request to a worker failed, `lost` with each worker that is no longer offered for
    something, `appeared` with what is offered by others than before. Loads that answers told are collected until
    `take_loads`.
    """

    name: Literal["registry"] = "registry"
    vpn_up = True  # we are told only the addresses that can be used

    def __init__(self, *, failed: Callable[[str], None]) -> None:
        self._failed = failed
        self._sequence: int | None = None
        self._offers: dict[str, Offer] = {}
        self._services: dict[str, tuple[str, ...]] = {}
        self._tokens: OrderedDict[str, str] = OrderedDict()
        self._loads: dict[str, float] = {}
        self.lost: Callable[[str], None] = lambda _worker_id: None
        self.appeared: Callable[[Sequence[str]], None] = lambda _services: None

    def take_snapshot(self, snapshot: Snapshot) -> None:
        """Know this, and nothing else."""
        before = self._services
        self._offers = {offer.record.worker_id: offer for offer in snapshot.offers}
        self._services = dict(snapshot.services)
        self._after(snapshot.sequence, snapshot.offers, before)

    def take_change(self, change: Change) -> bool:
        """Know this too; return False where a change before it is missing, so that a snapshot is needed."""
        if self._sequence is None or change.sequence != self._sequence + 1:
            return False
        before = self._services
        self._offers.update((offer.record.worker_id, offer) for offer in change.offers)
        for worker_id in change.gone:
            self._offers.pop(worker_id, None)
        self._services = {name: who for name, who in {**before, **change.services}.items() if who}
        self._after(change.sequence, change.offers, before)
        return True

    def token_for(self, worker_id: str) -> str:
        """Return the token that proves us to a worker; an empty one where nobody has told us any."""
        return self._tokens.get(worker_id, "")

    def ways(self, record: WorkerRecord) -> Sequence[str]:
        """Return where a worker is reached by relay."""
        offer = self._offers.get(record.worker_id)
        return offer.ways if offer is not None else ()

    def take_loads(self) -> dict[str, float]:
        """Return the loads that were told since the last time."""
        loads, self._loads = self._loads, {}
        return loads

    # As the router's source, and as what its reporter tells

    async def find(self, service: str) -> Sequence[WorkerRecord]:
        return [self._offers[name].record for name in self._services.get(service, ()) if name in self._offers]

    def member(self, worker_id: str) -> Known | None:
        offer = self._offers.get(worker_id)
        return Known(offer.record) if offer is not None else None

    def report_failure(self, worker_id: str) -> None:
        self._failed(worker_id)

    def update_load(self, worker_id: str, load: float) -> None:
        self._loads[worker_id] = load

    def _after(self, sequence: int, offers: Sequence[Offer], before: Services) -> None:
        self._sequence = sequence
        for offer in offers:
            self._tokens[offer.record.worker_id] = offer.token
            self._tokens.move_to_end(offer.record.worker_id)
        while len(self._tokens) > max(KEPT_TOKENS, 2 * len(self._offers)):
            self._tokens.popitem(last=False)
        lost = {
            name for service, who in before.items() for name in who if name not in self._services.get(service, ())
        }
        for worker_id in sorted(lost):
            self.lost(worker_id)
        self.appeared([service for service, who in self._services.items() if who != before.get(service)])
