"""Where everything stands on the map: coordinators in the middle, workers on rings around them. Pure.

Each way to a worker has a direction, and a worker takes the free seat that is nearest to the middle and to the
direction of its way. Nobody who is seated moves when others come or go; a seat that was left is taken by the next.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, get_args

Sector = Literal["direct", "vpn", "relay", "tunnel", "unknown"]
Point = tuple[float, float]

SPACING = 46.0  # between neighbours, in units of the map
STRETCH = 1.4  # sideways, since screens are wide and so are names
COORDINATOR_SPACING = 90.0
OWN_DISTANCE = 80.0  # of this machine from the coordinators
FIRST_RING = 145.0  # of workers, from the coordinators
TURNING = 0.7  # how much farther a seat counts that is opposite to a way's direction
ROOM = 2.4  # seats for each worker, so that the nearest to its direction is among them
DIRECTIONS: Mapping[Sector, float] = {  # radians, clockwise from the right
    sector: math.radians(-90 + 72 * turn) for turn, sector in enumerate(get_args(Sector))
}


@dataclass(frozen=True, slots=True)
class Layout:
    """Everybody's seat and place. `core` is how many rings of coordinators there is room for."""

    core: int = 0
    own_id: str | None = None
    coordinators: Mapping[str, int] = field(default_factory=dict)
    workers: Mapping[str, tuple[Sector, int]] = field(default_factory=dict)
    places: Mapping[str, Point] = field(default_factory=dict)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """The left, top, right and bottom of all places."""
        if not self.places:
            return (0.0, 0.0, 0.0, 0.0)
        across = [x for x, _ in self.places.values()]
        down = [y for _, y in self.places.values()]
        return (min(across), min(down), max(across), max(down))


def arrange(
    coordinators: Sequence[str], own_id: str | None, workers: Mapping[str, Sector], before: Layout | None = None
) -> Layout:
    """Seat everybody; whoever had a seat before keeps it while the way to him is the same.

    Only where the mesh outgrows the room for coordinators, or has shrunk to a small part, all are seated anew.
    """
    others = {name: sector for name, sector in workers.items() if name != own_id}
    before = before or Layout()
    core = max(before.core, _rings_for(len(coordinators)))
    if core != before.core or own_id != before.own_id or _scattered(before, len(others)):
        before = Layout(core=core, own_id=own_id)
    if before.coordinators.keys() == set(coordinators) and _same(before.workers, others):
        return before
    kept = {name: seat for name in coordinators if (seat := before.coordinators.get(name)) is not None}
    occupied = set(kept.values())
    free = (seat for seat in range(len(_coordinator_seats(core))) if seat not in occupied)
    seated = kept | {name: next(free) for name in sorted(coordinators) if name not in kept}
    sitting = _seat(before.workers, others, core)
    return Layout(core, own_id, seated, sitting, _places(core, own_id, seated, sitting))


def _same(seated: Mapping[str, tuple[Sector, int]], wanted: Mapping[str, Sector]) -> bool:
    return len(seated) == len(wanted) and all(seat[0] == wanted.get(name) for name, seat in seated.items())


def _scattered(layout: Layout, count: int) -> bool:
    farthest = max((seat for _, seat in layout.workers.values()), default=0)
    return farthest > 8 * ROOM * count + 100


def _seat(
    before: Mapping[str, tuple[Sector, int]], wanted: Mapping[str, Sector], core: int
) -> dict[str, tuple[Sector, int]]:
    seats = {name: seat for name, seat in before.items() if wanted.get(name) == seat[0]}
    taken = {seat for _, seat in seats.values()}
    rings = rings_for(len(wanted), core)
    free = {sector: iter(_order(core, rings, sector)) for sector in DIRECTIONS}
    for name in sorted(wanted.keys() - seats.keys()):
        sector = wanted[name]
        seat = next(seat for seat in free[sector] if seat not in taken)
        taken.add(seat)
        seats[name] = (sector, seat)
    return seats


def _places(
    core: int, own_id: str | None, coordinators: Mapping[str, int], workers: Mapping[str, tuple[Sector, int]]
) -> dict[str, Point]:
    middle = _coordinator_seats(core)
    farthest = max((seat for _, seat in workers.values()), default=-1)
    seats = _seats(core, rings_with(farthest + 1, core))
    places = {name: seats[seat] for name, (_, seat) in workers.items()}
    places |= {name: middle[seat] for name, seat in coordinators.items()}
    if own_id is not None:
        away = (_core_radius(core) + OWN_DISTANCE) * math.sqrt(0.5)
        places[own_id] = (-STRETCH * away, away)  # aside, or its lines would run through the coordinator
    return places


def rings_for(count: int, core: int) -> int:
    """Return how many rings have room for so many workers, in steps, so that it seldom changes."""
    steps = max(0, math.ceil(math.log2((ROOM * count + 40) / 64)))
    return rings_with(64 * 2**steps, core)


@lru_cache(maxsize=64)
def rings_with(seats: int, core: int) -> int:
    """Return how many rings have at least so many seats."""
    rings, found = 0, 0
    while found < seats:
        found += _seats_on(rings, core)
        rings += 1
    return rings


def _seats_on(ring: int, core: int) -> int:
    return int(2 * math.pi * _radius(ring, core) / SPACING)


def _radius(ring: int, core: int) -> float:
    return _core_radius(core) + FIRST_RING + ring * SPACING


def _core_radius(core: int) -> float:
    return core * COORDINATOR_SPACING


@lru_cache(maxsize=4)
def _seats(core: int, rings: int) -> tuple[Point, ...]:
    """Return the places of all seats, ring by ring, so that more rings only add to them."""
    return tuple(
        (STRETCH * radius * math.cos(angle), radius * math.sin(angle)) for radius, angle in _polar(core, rings)
    )


def _polar(core: int, rings: int) -> list[tuple[float, float]]:
    found = []
    for ring in range(rings):
        radius, count = _radius(ring, core), _seats_on(ring, core)
        offset = -math.pi / 2 + (ring % 2) * math.pi / count
        found += [(radius, offset + 2 * math.pi * n / count) for n in range(count)]
    return found


@lru_cache(maxsize=2 * len(DIRECTIONS))
def _order(core: int, rings: int, sector: Sector) -> tuple[int, ...]:
    """Return the seats, the best for a way first."""
    towards = DIRECTIONS[sector]
    costs = [
        (round(radius * (1 + TURNING * _apart(angle, towards) / math.pi), 6), seat)
        for seat, (radius, angle) in enumerate(_polar(core, rings))
    ]
    return tuple(seat for _, seat in sorted(costs))


def _apart(one: float, other: float) -> float:
    return abs((one - other + math.pi) % (2 * math.pi) - math.pi)


def _rings_for(coordinators: int) -> int:
    rings = 0
    while 1 + 3 * rings * (rings + 1) < coordinators:
        rings += 1
    return rings


@lru_cache(maxsize=4)
def _coordinator_seats(core: int) -> tuple[Point, ...]:
    seats = [(0.0, 0.0)]
    for ring in range(1, core + 1):
        radius = ring * COORDINATOR_SPACING
        angles = (2 * math.pi * n / (6 * ring) for n in range(6 * ring))
        seats += [(STRETCH * radius * math.cos(angle), radius * math.sin(angle)) for angle in angles]
    return tuple(seats)
