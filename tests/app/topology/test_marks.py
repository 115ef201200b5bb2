"""Kinds, states and ways can be told apart without their colours."""

from __future__ import annotations

import itertools
from typing import get_args

import pytest
from PySide6.QtCore import QPointF
from PySide6.QtGui import QColor, QImage, QPainter, QPalette

from app.appearance import colours_of
from app.topology.marks import KEPT, LINES, TONES, Look, Marks, Status, line_pen, paint_mark
from app.topology.scene import Kind, Mark
from node.mesh_view.values import CoordinatorStatus, WorkerStatus
from node.wire.messages import Route
from tests.support.palettes import dark_palette

PALETTES = {"light": QPalette, "dark": dark_palette}  # made when there is an application


def drawn(look: Look, palette: QPalette) -> bytes:
    """Paint a mark on its own ground, and return what it looks like in black and white."""
    colours, image = colours_of(palette), QImage(40, 40, QImage.Format.Format_RGB32)
    image.fill(colours.card)
    painter = QPainter(image)
    painter.translate(20, 20)
    paint_mark(painter, colours, look, 12)
    painter.end()
    dark = colours.dark
    bits = [
        (image.pixelColor(x, y).lightness() > colours.card.lightness() + 40)
        if dark
        else (image.pixelColor(x, y).lightness() < colours.card.lightness() - 60)
        for x in range(40)
        for y in range(40)
    ]
    return bytes(bits)


@pytest.mark.parametrize("palette", PALETTES)
def test_shapes_differ_by_state_and_kind(palette: str) -> None:
    looks = [Look("worker", status) for status in ("active", "met", "stale", "draining", "paused", "offline")]
    looks += [Look("worker", "revoked"), Look("worker", "unknown")]
    looks += [Look("coordinator", status) for status in ("active", "unreachable", "unknown", "draining")]
    looks += [Look("own", status) for status in ("active", "paused", "offline")]
    shapes = {look: drawn(look, PALETTES[palette]()) for look in looks}
    for one, other in itertools.combinations(looks, 2):
        differing = sum(a != b for a, b in zip(shapes[one], shapes[other], strict=True))
        assert differing >= 12, (one, other)


def test_every_state_has_a_look() -> None:
    states: set[Status] = {*get_args(WorkerStatus), *get_args(CoordinatorStatus)}
    assert set(TONES) == states
    for state in states:
        for kind in get_args(Kind):
            assert any(drawn(Look(kind, state), PALETTES["light"]()))


def test_lines_of_ways_differ_in_pattern_not_only_in_colour() -> None:
    ways: tuple[Route, ...] = ("direct", "vpn", "relay", "tunnel")
    assert len({LINES[way][1] for way in ways}) == len(ways)
    colours = colours_of(QPalette())
    assert line_pen("vpn", colours, 2, faint=False).dashPattern() != []
    assert line_pen("vpn", colours, 2, faint=False, plain=True).dashPattern() == []


def test_load_shows_and_marks_are_painted_once() -> None:
    idle, busy = Look("worker", "active", 0), Look("worker", "active", 4)
    assert drawn(idle, PALETTES["light"]()) != drawn(busy, PALETTES["light"]())
    marks = Marks(colours_of(QPalette()), 2.0)
    first = marks.stamp(mark("a"), 9)
    assert marks.stamp(mark("b"), 9) is first
    assert first.pixmap.devicePixelRatio() == 2.0
    assert first.pixmap.width() == 4 * first.half


def mark(name: str, busy: int = 0) -> Mark:
    return Mark(name, "worker", "active", busy, 0.0, 0.0, name)


def test_pictures_that_are_kept_are_bounded() -> None:
    marks = Marks(colours_of(QPalette()), 1.0)
    for radius in range(2, KEPT + 50):
        marks.stamp(mark("a"), 2 + radius % 7)
        marks.stamp(mark("b", radius % 6), 2 + radius // 100)
    assert len(marks._stamps) <= KEPT


def test_a_stamp_has_nothing_cut_off() -> None:
    stamp = Marks(colours_of(QPalette()), 1.0).stamp(Mark("a", "coordinator", "active", 0, 0, 0, "a"), 15)
    image = stamp.pixmap.toImage()
    edge = [QPointF(x, y) for x in range(image.width()) for y in (0, image.height() - 1)]
    assert all(QColor(image.pixelColor(point.toPoint())).alpha() == 0 for point in edge)
