"""The map as it is painted: everybody's place and state, and the lines between them. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from app.topology.layout import Layout, Point, Sector, arrange
from node.mesh_view.values import CoordinatorStatus, MeshCoordinator, MeshLink, MeshView, MeshWorker, WorkerStatus
from node.wire.messages import Route

Kind = Literal["coordinator", "own", "worker"]
Direction = Literal["left", "right", "up", "down"]
WIDEST = 7.0  # pixels
SECTORS: Mapping[Route, Sector] = {"direct": "direct", "vpn": "vpn", "relay": "relay", "tunnel": "tunnel"}
Member = MeshWorker | MeshCoordinator
Bounds = tuple[float, float, float, float]


class Mark(NamedTuple):
    """One computer on the map; `busy` is its load in steps of a fifth."""

    id: str
    kind: Kind
    status: WorkerStatus | CoordinatorStatus
    busy: int
    x: float
    y: float
    label: str


class Line(NamedTuple):
    """One way on the map; `traffic` is above 0 where something goes along it, `own` begins at this machine."""

    source: str
    target: str
    route: Route
    traffic: float
    own: bool
    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def width(self) -> float:
        """How wide it is painted, in pixels."""
        return min(WIDEST, 1.0 + 1.3 * math.log2(1.0 + self.traffic))


@dataclass(frozen=True, slots=True)
class Scene:
    """All that is on the map; marks and lines are in the order in which they are painted."""

    view: MeshView = field(default_factory=MeshView)
    layout: Layout = field(default_factory=Layout)
    marks: Mapping[str, Mark] = field(default_factory=dict)
    lines: tuple[Line, ...] = ()
    bounds: Bounds = (0.0, 0.0, 0.0, 0.0)
    members: Mapping[str, Member] = field(default_factory=dict)

    def nearest(self, point: Point, within: float) -> Mark | None:
        """Return the mark nearest to a point of the map, if it is no farther than that."""
        best, closest = None, within * within
        for mark in self.marks.values():
            distance = (mark.x - point[0]) ** 2 + (mark.y - point[1]) ** 2
            if distance <= closest:
                best, closest = mark, distance
        return best

    def beside(self, name: str | None, direction: Direction) -> Mark | None:
        """Return the mark that one comes to from another in a direction; None where there is none."""
        start = self.marks.get(name or "")
        if start is None:
            return None
        return min(
            (mark for mark in self.marks.values() if _ahead(start, mark, direction) > 0),
            key=lambda mark: _effort(start, mark, direction),
            default=None,
        )

    def lines_of(self, name: str) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if name in (line.source, line.target))


def compose(view: MeshView, before: Scene | None = None) -> Scene:
    """Return the scene of a view; who was there before stays where he was."""
    before = before or Scene()
    if view is before.view:
        return before
    ways = _sectors(view)
    coordinators = [item.id for item in view.coordinators]
    layout = arrange(coordinators, view.own_id, ways, before.layout)
    places = layout.places
    members: dict[str, Member] = {item.id: item for item in view.workers}
    members |= {item.id: item for item in view.coordinators}
    marks = {
        name: old
        if (old := before.marks.get(name)) is not None
        and before.members.get(name) is member
        and (old.x, old.y) == places[name]
        else _mark(member, view.own_id, places[name])
        for name, member in members.items()
    }
    return Scene(
        view=view,
        layout=layout,
        marks=marks,
        lines=_lines(view, places),
        bounds=before.bounds if layout is before.layout else layout.bounds,
        members=members,
    )


def _sectors(view: MeshView) -> dict[str, Sector]:
    """Return the way to each worker: ours, else the coordinator's."""
    told = {link.target: link.route for link in view.links if link.source != view.own_id}
    return {item.id: _sector(item.route or told.get(item.id)) for item in view.workers}


def _sector(route: Route | None) -> Sector:
    return SECTORS.get(route, "unknown") if route is not None else "unknown"


def _mark(member: Member, own_id: str | None, place: Point) -> Mark:
    kind: Kind = (
        "coordinator" if isinstance(member, MeshCoordinator) else "own" if member.id == own_id else "worker"
    )
    name = member.name if isinstance(member, MeshWorker) else ""
    return Mark(member.id, kind, member.status, math.ceil(member.load * 5), *place, name or member.id)


def _lines(view: MeshView, places: Mapping[str, Point]) -> tuple[Line, ...]:
    found = [
        _line(link, view.own_id, places) for link in view.links if link.source in places and link.target in places
    ]
    return tuple(sorted(found, key=lambda line: (line.own, line.traffic)))


def _line(link: MeshLink, own_id: str | None, places: Mapping[str, Point]) -> Line:
    own = link.source == own_id
    traffic = link.rate if own else float(link.in_flight)
    return Line(link.source, link.target, link.route, traffic, own, *places[link.source], *places[link.target])


def _ahead(start: Mark, mark: Mark, direction: Direction) -> float:
    across, down = mark.x - start.x, mark.y - start.y
    return {"left": -across, "right": across, "up": -down, "down": down}[direction]


def _effort(start: Mark, mark: Mark, direction: Direction) -> tuple[bool, float, str]:
    """Return how little a mark is in a direction: whoever is rather aside comes after all who are not."""
    ahead = _ahead(start, mark, direction)
    aside = abs(mark.y - start.y) if direction in ("left", "right") else abs(mark.x - start.x)
    return aside > 1.5 * ahead, ahead + 2 * aside, mark.id
