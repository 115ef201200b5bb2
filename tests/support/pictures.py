"""Pictures of the mesh: drawn from scratch, and as somebody has them who follows what changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from types import SimpleNamespace
from typing import Any, cast

import msgspec

from coordinator_server.api.shapes import Topology, TopologyDelta
from coordinator_server.api.topology import Picture
from coordinator_server.application import Coordinator
from coordinator_server.fleet.everybody import Everybody
from coordinator_server.fleet.presence import Presence, Serving
from coordinator_server.fleet.roster import LIVE, RUN, Roster, Row, read
from coordinator_server.gateway.readiness import Readiness
from coordinator_server.registry.facts import Facts
from coordinator_server.registry.plans import Shortage
from coordinator_server.store.interface import Change, Versioned
from node.wire.messages import CoordinatorInfo
from tests.support.coordinators import PC
from tests.support.registries import RegistryMesh

OWN, OTHER = "c1", "c2"
Parts = Mapping[str, Mapping[str, Any]]


@dataclass
class Plans:
    """What planning has found, as a test wants it: when it plans is a matter of time."""

    found: tuple[Shortage, ...] = ()

    def plan_if_due(self) -> None:
        """Plan nothing."""

    def shortages(self) -> tuple[Shortage, ...]:
        return self.found


@dataclass
class Sight:
    """All that a picture is drawn of, with nothing that runs: one coordinator, and what it hears of another."""

    mesh: RegistryMesh
    roster: Roster = field(default_factory=lambda: Roster("run-1", 75.0))
    presence: Presence = field(default_factory=lambda: Presence(OWN))
    plans: Plans = field(default_factory=Plans)
    readiness: Readiness = field(default_factory=Readiness)
    steady: float = 0.0  # seconds of a clock that is never set

    def __post_init__(self) -> None:
        self._pictures: list[Picture] = []
        self.mesh.registry.differs = self.roster.differs = self._differs
        self.everybody = Everybody(self.mesh.registry, self.roster)
        parts = SimpleNamespace(
            coordinator_id=OWN,
            info=CoordinatorInfo(id=OWN, url="http://one.example"),
            clock=self.mesh.clock,
            catalogue=self.mesh.catalogue,
            registry=self.mesh.registry,
            everybody=self.everybody,
            planning=self.plans,
            fleet=self.presence,
            together=SimpleNamespace(roster=self.roster),
            readiness=self.readiness,
        )
        self.coordinator = cast("Coordinator", parts)

    def picture(self, *, restless: bool = False) -> Picture:
        """Return a picture that is told of all that changes, as all others are; a restless one tells it at once."""
        steady = restlessly() if restless else lambda: self.steady
        self._pictures.append(Picture(self.coordinator, "1", steady))
        return self._pictures[-1]

    def _differs(self, worker_id: str) -> None:
        for picture in self._pictures:
            picture.differs(worker_id)

    def tell(self, *changes: Change, whole: bool = False) -> None:
        """Take in what the store tells."""
        self.roster.take([read(one, 0.0) for one in changes], 0.0, whole=whole)

    def together(self, yes: bool) -> None:
        """Be one of several coordinators from now on, or alone."""
        self.everybody.together = yes
        for name in self.roster.live:
            self.roster.differs(name)

    def other(self, here: bool, workers: int = 0) -> None:
        """Have another coordinator, of which we know, be here or not."""
        info = CoordinatorInfo(id=OTHER, url="http://two.example")
        self.presence.look({OTHER: Serving(info=info, seen_at=1.0, workers=workers)}, [OTHER] if here else [])


def live(worker_id: str, run: str = "run-2", *, owner: str = OTHER, **facts: Any) -> Change:
    """Return that a worker talks to a coordinator."""
    row = Row(owner=owner, run=run, facts=Facts(capabilities=PC, **facts))
    return Change(LIVE + worker_id, Versioned(msgspec.json.encode(row), 1))


def gone(worker_id: str) -> Change:
    return Change(LIVE + worker_id, None)


def takes_part(run: str, owner: str = OTHER, *, yes: bool = True) -> Change:
    """Return that a coordinator tells of its workers, or no more."""
    return Change(RUN + run, Versioned(owner.encode(), 1) if yes else None)


def restlessly() -> Callable[[], float]:
    """Return a clock by which much time has passed each time."""
    return count(0, 1_000_000).__next__


def draw(coordinator: Coordinator) -> Topology:
    """Return the mesh as a coordinator sees it, of which nothing was drawn before."""
    picture = Picture(coordinator, "1", restlessly())
    while picture.is_far_behind:
        picture.look()
    picture.look()
    return picture.topology()


def parts(topology: Topology) -> Parts:
    """Return what there is, by its keys."""
    return {
        "coordinators": {one.id: one for one in topology.coordinators},
        "workers": {one.id: one for one in topology.workers},
        "services": {one.name: one for one in topology.services},
        "links": {f"{one.source}>{one.target}": one for one in topology.links},
    }


def after(before: Parts, delta: TopologyDelta) -> Parts:
    """Return what there is after a change."""
    found = {}
    for name, items in before.items():
        kept = {key: item for key, item in items.items() if key not in getattr(delta.removed, name)}
        changed = {_key(name, item): item for item in getattr(delta.changed, name)}
        found[name] = {**kept, **changed}
    return found


def _key(name: str, item: Any) -> str:
    if name == "links":
        return f"{item.source}>{item.target}"
    return str(item.name if name == "services" else item.id)
