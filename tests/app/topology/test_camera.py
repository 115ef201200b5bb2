"""Where things are on the widget, and that what is under the pointer stays there while the map is zoomed."""

from __future__ import annotations

import random

import pytest

from app.topology.camera import FIT_LARGEST, LARGEST, SMALLEST, Camera, fitting

SIZE = (640.0, 400.0)


def test_what_is_looked_at_is_in_the_middle() -> None:
    assert Camera(10, 20, 2).on_screen((10, 20), SIZE) == (320, 200)
    assert Camera(10, 20, 2).on_screen((11, 19), SIZE) == (322, 198)


def test_map_and_screen_lead_to_one_another() -> None:
    rng = random.Random(3)
    for _ in range(50):
        camera = Camera(rng.uniform(-900, 900), rng.uniform(-900, 900), rng.uniform(SMALLEST, LARGEST))
        point = (rng.uniform(0, 640), rng.uniform(0, 400))
        assert camera.on_screen(camera.on_map(point, SIZE), SIZE) == pytest.approx(point)


def test_what_is_under_the_pointer_stays_there() -> None:
    camera, pointer = Camera(5, 6, 0.7), (100.0, 350.0)
    for factor in (1.25, 0.3, 40.0, 0.0001):
        nearer = camera.zoomed(factor, pointer, SIZE)
        assert nearer.on_map(pointer, SIZE) == pytest.approx(camera.on_map(pointer, SIZE))
        assert SMALLEST <= nearer.scale <= LARGEST
        camera = nearer


def test_dragging_moves_the_map_with_the_pointer() -> None:
    camera = Camera(0, 0, 2)
    under = camera.on_map((100, 100), SIZE)
    assert camera.moved(30, -10).on_map((130, 90), SIZE) == under


@pytest.mark.parametrize("bounds", [(-2000, -900, 2500, 1100), (-100, -4000, 100, 4000), (5, 5, 5, 5)])
def test_all_fits(bounds: tuple[float, float, float, float]) -> None:
    camera = fitting(bounds, SIZE)
    left, top = camera.on_screen(bounds[:2], SIZE)
    right, bottom = camera.on_screen(bounds[2:], SIZE)
    assert left >= 0
    assert top >= 0
    assert right <= SIZE[0]
    assert bottom <= SIZE[1]
    assert camera.scale <= FIT_LARGEST


def test_a_widget_without_room_does_no_harm() -> None:
    assert fitting((-500, -500, 500, 500), (0, 0)).scale == SMALLEST


def test_looking_at_somebody_comes_nearer_but_never_goes_away() -> None:
    assert Camera(0, 0, 0.2).centred((7, 8), 1.0) == Camera(7, 8, 1.0)
    assert Camera(0, 0, 2.0).centred((7, 8), 1.0) == Camera(7, 8, 2.0)
    assert Camera(0, 0, 0.2).centred((7, 8)) == Camera(7, 8, 0.2)
