"""What a coordinator says in its topology, as far as we show it, and how its messages add up. Pure.

What it says is bounded and checked here. A word that we do not know, of a newer coordinator, does no harm: it is
taken for what we know least about.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Annotated, TypeVar, get_args

import msgspec

from node.mesh_view.values import CoordinatorStatus, WorkerStatus
from node.wire.credentials import Name
from node.wire.messages import Count, Fraction, Route, Services, Text, Url, WorkerType

MOST = 20_000  # of each kind in one message, and in all
Word = Annotated[str, msgspec.Meta(max_length=32)]
Key = Annotated[str, msgspec.Meta(max_length=130)]
T = TypeVar("T")

STATUSES: Mapping[str, WorkerStatus] = MappingProxyType({word: word for word in get_args(WorkerStatus)})
COORDINATOR_STATUSES: Mapping[str, CoordinatorStatus] = MappingProxyType(
    {word: word for word in get_args(CoordinatorStatus)}
)
TYPES: Mapping[str, WorkerType] = MappingProxyType({word: word for word in get_args(WorkerType)})
ROUTES: Mapping[str, Route] = MappingProxyType({word: word for word in get_args(Route)})


class ToldCoordinator(msgspec.Struct, frozen=True, kw_only=True):
    """One coordinator, as it or another one tells."""

    id: Name
    url: Url | None = None
    location: Text = ""
    workers: Count = 0
    load: Fraction = 0.0
    status: Word = "unknown"


class ToldWorker(msgspec.Struct, frozen=True, kw_only=True):
    """One worker, as a coordinator tells."""

    id: Name
    type: Word = ""
    coordinator: Name
    services: Services = ()
    status: Word = "unknown"
    load: Fraction = 0.0
    in_flight: Count = 0
    last_seen: float = 0.0


class ToldLink(msgspec.Struct, frozen=True, kw_only=True):
    """How a coordinator reaches a worker."""

    source: Name
    target: Name
    route: Word = "direct"

    @property
    def key(self) -> str:
        return f"{self.source}>{self.target}"


Coordinators = Annotated[tuple[ToldCoordinator, ...], msgspec.Meta(max_length=MOST)]
Workers = Annotated[tuple[ToldWorker, ...], msgspec.Meta(max_length=MOST)]
Links = Annotated[tuple[ToldLink, ...], msgspec.Meta(max_length=MOST)]
Keys = Annotated[tuple[Key, ...], msgspec.Meta(max_length=MOST)]


class ToldTopology(msgspec.Struct, frozen=True, kw_only=True):
    """GET /api/topology, and what the first message of its stream holds."""

    timestamp: float = 0.0
    coordinators: Coordinators = ()
    workers: Workers = ()
    links: Links = ()


class ToldChange(msgspec.Struct, frozen=True, kw_only=True):
    """What is new or different."""

    coordinators: Coordinators = ()
    workers: Workers = ()
    links: Links = ()


class ToldRemoval(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of what has gone."""

    coordinators: Keys = ()
    workers: Keys = ()
    links: Keys = ()


class ToldSnapshot(msgspec.Struct, frozen=True, kw_only=True, tag="snapshot"):
    """The first message of the stream."""

    sequence: int
    topology: ToldTopology


class ToldDelta(msgspec.Struct, frozen=True, kw_only=True, tag="delta"):
    """Every further message."""

    sequence: int
    changed: ToldChange = ToldChange()
    removed: ToldRemoval = ToldRemoval()


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a coordinator has said so far; `ahead` is how many seconds its clock is before ours."""

    sequence: int = 0
    ahead: float = 0.0
    coordinators: Mapping[str, ToldCoordinator] = {}
    workers: Mapping[str, ToldWorker] = {}
    links: Mapping[str, ToldLink] = {}


class OutOfStepError(ValueError):
    """A message of the stream does not follow on the one before: listen anew."""


def from_topology(topology: ToldTopology, now: float, sequence: int = 0) -> Told:
    """Return what the whole topology says; `now` is when it came."""
    return Told(
        sequence=sequence,
        ahead=topology.timestamp - now,
        coordinators={item.id: item for item in topology.coordinators},
        workers={item.id: item for item in topology.workers},
        links={item.key: item for item in topology.links},
    )


def followed(told: Told | None, message: ToldSnapshot | ToldDelta, now: float) -> Told:
    """Return what is known after a message of the stream; raise OutOfStepError."""
    if isinstance(message, ToldSnapshot):
        return from_topology(message.topology, now, message.sequence)
    if told is None or message.sequence != told.sequence + 1:
        raise OutOfStepError("a message is missing")
    changed, removed = message.changed, message.removed
    return Told(
        sequence=message.sequence,
        ahead=told.ahead,
        coordinators=_merged(
            told.coordinators, {item.id: item for item in changed.coordinators}, removed.coordinators
        ),
        workers=_merged(told.workers, {item.id: item for item in changed.workers}, removed.workers),
        links=_merged(told.links, {item.key: item for item in changed.links}, removed.links),
    )


def _merged(old: Mapping[str, T], changed: Mapping[str, T], removed: Collection[str]) -> Mapping[str, T]:
    if not changed and not removed:
        return old
    merged = {**old, **changed}  # ten times a second, of a large mesh: no line of ours is run for each worker
    for key in removed:
        if key not in changed:
            merged.pop(key, None)
    if len(merged) > MOST:
        raise OutOfStepError("it tells of more than a mesh can have")
    return merged
