"""What is on the map, what stays as it was, and how one goes from one computer to the next."""

from __future__ import annotations

from typing import get_args

import msgspec

from app.topology.scene import WIDEST, Direction, Line, Mark, Scene, compose
from node.mesh_view.values import MeshCoordinator, MeshLink, MeshView, MeshWorker
from tests.support import meshes
from tests.support.meshes import COORD, OWN


def test_everybody_has_a_mark_and_every_way_a_line() -> None:
    view = meshes.mesh(30, coordinators=2)
    scene = compose(view)
    assert scene.marks.keys() == {item.id for item in view.workers} | {item.id for item in view.coordinators}
    assert len(scene.lines) == len(view.links)
    assert (scene.marks[OWN].kind, scene.marks[OWN].label) == ("own", "Reception PC")
    assert scene.marks[COORD].kind == "coordinator"
    assert {mark.kind for name, mark in scene.marks.items() if name.startswith("w-") and name != OWN} == {"worker"}


def test_a_worker_stands_where_our_own_way_leads_else_the_coordinators() -> None:
    view = MeshView(
        own_id="me",
        workers=(
            MeshWorker(id="me", route="local"),
            MeshWorker(id="ours", route="relay"),
            MeshWorker(id="theirs"),
            MeshWorker(id="nobodys"),
        ),
        coordinators=(MeshCoordinator(id="c"),),
        links=(
            MeshLink(source="c", target="ours", route="vpn"),
            MeshLink(source="c", target="theirs", route="vpn"),
        ),
    )
    ways = {name: sector for name, (sector, _) in compose(view).layout.workers.items()}
    assert ways == {"ours": "relay", "theirs": "vpn", "nobodys": "unknown"}


def test_a_line_is_the_wider_the_more_goes_along_it() -> None:
    widths = [line(traffic).width for traffic in (0.0, 0.1, 1.0, 10.0, 1e9)]
    assert widths == sorted(widths)
    assert widths[0] == 1.0 < widths[1]
    assert widths[-1] == WIDEST


def line(traffic: float) -> Line:
    return Line("a", "b", "vpn", traffic, False, 0, 0, 1, 1)


def test_what_did_not_change_is_the_same() -> None:
    view = meshes.mesh(50)
    before = compose(view)
    assert compose(view, before) is before
    later = compose(meshes.busier(view, 4, share=0.1), before)
    assert later.layout is before.layout
    kept = [name for name in before.marks if later.marks[name] is before.marks[name]]
    assert len(view.workers) * 0.6 < len(kept) < len(before.marks)


def test_a_link_to_nobody_is_left_out() -> None:
    view = meshes.mesh(5)
    odd = msgspec.structs.replace(view, links=(*view.links, MeshLink(source="nobody", target=OWN)))
    assert len(compose(odd).lines) == len(view.links)


def test_a_worker_that_calls_itself_as_a_coordinator_hides_nobody() -> None:
    view = meshes.mesh(5)
    odd = msgspec.structs.replace(view, workers=(*view.workers, MeshWorker(id=COORD, status="active")))
    assert compose(odd).marks[COORD].kind == "coordinator"


def cross() -> Scene:
    places = {"middle": (0, 0), "east": (10, 1), "far-east": (30, 0), "north": (0, -10), "aside": (8, 40)}
    return Scene(marks={name: Mark(name, "worker", "active", 0, x, y, name) for name, (x, y) in places.items()})


def test_arrows_lead_to_whoever_is_next_in_their_direction() -> None:
    scene = cross()

    def beside(name: str, direction: str) -> str | None:
        mark = scene.beside(name, direction)  # type: ignore[arg-type]
        return mark.id if mark else None

    assert [beside("middle", way) for way in ("left", "right", "up", "down")] == [None, "east", "north", "aside"]
    assert beside("east", "right") == "far-east"
    assert beside("far-east", "left") == "east"
    assert beside("nobody", "left") is None


def test_every_computer_is_reached_with_arrows_alone() -> None:
    scene = compose(meshes.mesh(300))
    seen, new = {OWN}, [OWN]
    while new:
        name = new.pop()
        for direction in get_args(Direction):
            mark = scene.beside(name, direction)
            if mark is not None and mark.id not in seen:
                seen.add(mark.id)
                new.append(mark.id)
    assert len(seen) > 0.97 * len(scene.marks)


def test_the_nearest_is_found_only_within_reach() -> None:
    scene = cross()
    assert scene.nearest((9, 0), 3) == scene.marks["east"]
    assert scene.nearest((15, 10), 3) is None
    assert {line.target for line in compose(meshes.mesh(9)).lines_of(COORD)} >= {OWN}
