"""Nobody sits on another's seat or is moved by others, and ways keep to their side, with thousands of them too."""

from __future__ import annotations

import itertools
import math
import random
from typing import get_args

import pytest

from app.topology.layout import DIRECTIONS, SPACING, STRETCH, Layout, Sector, arrange

SECTORS: tuple[Sector, ...] = get_args(Sector)
CLOSEST = 0.9 * SPACING


def names(count: int) -> list[str]:
    return [f"w-{n:05}" for n in range(count)]


def mixed(count: int, seed: int = 5) -> dict[str, Sector]:
    rng = random.Random(seed)
    return {name: rng.choice(SECTORS) for name in names(count)}


def closest(layout: Layout) -> float:
    """Return the least distance of two places, looking only at neighbours in a grid."""
    cells: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for x, y in layout.places.values():
        cells.setdefault((int(x // SPACING), int(y // SPACING)), []).append((x, y))
    least = math.inf
    for (column, row), points in cells.items():
        near = [
            point
            for across, down in itertools.product((-1, 0, 1), repeat=2)
            for point in cells.get((column + across, row + down), ())
        ]
        least = min([least, *(math.dist(one, other) for one in points for other in near if one != other)])
    return least


@pytest.mark.parametrize("count", [1, 10, 200, 1000, 5000])
@pytest.mark.parametrize("coordinators", [1, 3, 9])
def test_no_two_are_in_one_place(count: int, coordinators: int) -> None:
    layout = arrange([f"c-{n}" for n in range(coordinators)], "w-00000", mixed(count))
    assert len(layout.places) == len(set(layout.places.values())) == count + coordinators
    assert closest(layout) >= CLOSEST


@pytest.mark.parametrize("sector", SECTORS)
def test_a_mesh_with_one_way_only_is_all_around_the_middle(sector: Sector) -> None:
    layout = arrange(["c"], "own", dict.fromkeys(names(2000), sector))
    left, top, right, bottom = layout.bounds
    assert 0.45 < (bottom - top) / ((right - left) / STRETCH) < 2.2
    assert min(-left, right, -top, bottom) > 0.2 * max(right - left, bottom - top) / STRETCH


def test_each_way_keeps_to_its_side() -> None:
    layout = arrange(["c"], "own", mixed(1000))
    for sector, towards in DIRECTIONS.items():
        points = [layout.places[name] for name, (way, _) in layout.workers.items() if way == sector]
        facing = [math.cos(math.atan2(y, x / STRETCH) - towards) > 0 for x, y in points]
        assert sum(facing) > 0.95 * len(facing), sector


def test_the_same_mesh_is_always_seated_alike() -> None:
    workers = mixed(300)
    shuffled = dict(random.Random(3).sample(sorted(workers.items()), len(workers)))
    assert arrange(["c-1", "c-2"], "w-00001", workers) == arrange(["c-2", "c-1"], "w-00001", shuffled)


def test_nobody_moves_when_others_come_and_go() -> None:
    rng = random.Random(11)
    workers, layout = mixed(400), arrange(["c"], "w-00000", mixed(400))
    for turn in range(60):
        gone = rng.sample(sorted(workers.keys() - {"w-00000"}), 15)
        workers = {name: way for name, way in workers.items() if name not in gone}
        workers |= {f"new-{turn}-{n}": rng.choice(SECTORS) for n in range(15)}
        newer = arrange(["c"], "w-00000", workers, layout)
        stayed = layout.places.keys() & newer.places.keys()
        assert all(layout.places[name] == newer.places[name] for name in stayed)
        assert len(stayed) == 386 + 1 - 1
        layout = newer
    assert closest(layout) >= CLOSEST
    fresh = arrange(["c"], "w-00000", workers)
    assert _size(layout) < 1.5 * _size(fresh), "seats that were left are taken again"


def _size(layout: Layout) -> float:
    left, top, right, bottom = layout.bounds
    return max(right - left, bottom - top)


def test_who_is_reached_another_way_moves_alone() -> None:
    workers: dict[str, Sector] = dict.fromkeys(names(6), "direct")
    before = arrange(["c"], None, workers)
    after = arrange(["c"], None, workers | {"w-00003": "relay"}, before)
    moved = {name for name, place in after.places.items() if before.places[name] != place}
    assert moved == {"w-00003"}


def test_where_nothing_changed_nothing_is_made_anew() -> None:
    layout = arrange(["c"], "w-00000", mixed(50))
    assert arrange(["c"], "w-00000", mixed(50), layout) is layout


def test_a_mesh_that_has_shrunk_far_is_seated_anew_around_the_middle() -> None:
    layout = arrange(["c"], None, mixed(3000))
    last = max(layout.workers, key=lambda name: layout.workers[name][1])
    alone = arrange(["c"], None, {last: "vpn"}, layout)
    assert math.dist(alone.places[last], (0, 0)) < 400


def test_coordinators_keep_their_seats_and_only_too_many_make_room_anew() -> None:
    layout = arrange(["c-1", "c-3"], None, mixed(20))
    more = arrange(["c-1", "c-2", "c-3"], None, mixed(20), layout)
    assert more.core == arrange([f"c-{n}" for n in range(1, 8)], None, mixed(20), more).core == 1
    again = arrange(["c-2"], None, mixed(20), more)
    assert (again.core, again.places["c-2"]) == (1, more.places["c-2"])
    assert again.places["w-00003"] == more.places["w-00003"]


def test_an_empty_mesh_is_in_the_middle() -> None:
    assert arrange([], None, {}).bounds == (0.0, 0.0, 0.0, 0.0)
