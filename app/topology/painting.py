"""Paints a scene: lines, marks and names, as many of each as can be told apart and painted in time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

from app.appearance import Colours
from app.topology.camera import Camera, Point, Size
from app.topology.layout import DIRECTIONS, SPACING, STRETCH, Sector
from app.topology.marks import SCALES, Marks, line_pen
from app.topology.scene import Kind, Line, Mark, Scene
from node.wire.messages import Route

PLAIN_LINES = 250  # lines; with more of them patterns and smooth edges cost too much and show too little
MOST_IDLE = 700  # lines on which nothing goes; of more than that none is painted
MOST_LINES = 1500
MOST_NAMES = 350
NAME_ROOM = 66.0  # pixels between neighbours at which their names are written
SMALLEST, SMALLEST_SPECIAL, LARGEST = 2, 6, 15  # radius of a mark, in points


@dataclass(frozen=True, slots=True)
class Frame:
    """What is needed to know where things are on the widget."""

    camera: Camera
    size: Size

    def at(self, x: float, y: float) -> Point:
        return self.camera.on_screen((x, y), self.size)

    def sees(self, x: float, y: float, margin: float = 40.0) -> bool:
        across, down = self.at(x, y)
        return -margin < across < self.size[0] + margin and -margin < down < self.size[1] + margin

    def radius(self, kind: Kind) -> int:
        """Return the radius of a mark before its kind's own scale, in points; only workers' get very small."""
        least = SMALLEST if kind == "worker" else SMALLEST_SPECIAL
        return max(least, min(LARGEST, round(11 * self.camera.scale)))

    def outside(self, kind: Kind) -> float:
        """Return how far a mark reaches, in points."""
        return self.radius(kind) * SCALES[kind]

    @property
    def boldness(self) -> float:
        """How wide lines are, as a share of their full width: less where all is small."""
        return max(0.3, min(1.0, 1.5 * self.camera.scale))

    @property
    def name_room(self) -> float:
        return SPACING * STRETCH * self.camera.scale


class Ink(NamedTuple):
    """What words are written with."""

    colours: Colours
    font: QFont


def paint_scene(painter: QPainter, scene: Scene, frame: Frame, marks: Marks, font: QFont) -> None:
    """Paint all but what depends on what is chosen."""
    shown = [mark for mark in scene.marks.values() if frame.sees(mark.x, mark.y)]
    paint_lines(painter, _worth_it(scene, frame), frame, marks.colours)
    paint_marks(painter, shown, frame, marks)
    named = shown if frame.name_room >= NAME_ROOM and len(shown) <= MOST_NAMES else ()
    special = (mark for mark in shown if mark.kind != "worker")
    paint_names(painter, {mark.id: mark for mark in (*named, *special)}.values(), frame, Ink(marks.colours, font))


def _worth_it(scene: Scene, frame: Frame) -> list[Line]:
    """Return the lines to paint: all of a small mesh, of a large one those on which something goes."""
    seen = [line for line in scene.lines if frame.sees(line.x2, line.y2)]
    idle = sum(line.traffic <= 0 for line in seen)
    if idle > MOST_IDLE:
        seen = [line for line in seen if line.traffic > 0]
    return seen[-MOST_LINES:]


def paint_lines(painter: QPainter, lines: Iterable[Line], frame: Frame, colours: Colours) -> None:
    """Paint lines, those with the same pen at once."""
    drawn = list(lines)
    plain = len(drawn) > PLAIN_LINES
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, not plain)
    groups: dict[tuple[bool, float, Route], list[QLineF]] = {}
    for line in drawn:
        key = (line.own and line.traffic > 0, round(line.width * frame.boldness, 1), line.route)
        groups.setdefault(key, []).append(QLineF(*frame.at(line.x1, line.y1), *frame.at(line.x2, line.y2)))
    for (strong, width, route), found in sorted(groups.items()):
        painter.setPen(line_pen(route, colours, width, faint=not strong, plain=plain))
        painter.drawLines(found)


def paint_marks(painter: QPainter, shown: Iterable[Mark], frame: Frame, marks: Marks) -> None:
    """Paint the marks, this machine and coordinators over the others."""
    draw = painter.drawPixmap
    radii: dict[Kind, int] = {kind: frame.radius(kind) for kind in SCALES}
    camera, across, down = frame.camera, frame.size[0] / 2, frame.size[1] / 2
    for mark in _workers_first(shown):
        stamp = marks.stamp(mark, radii[mark.kind])
        x = (mark.x - camera.x) * camera.scale + across - stamp.half
        y = (mark.y - camera.y) * camera.scale + down - stamp.half
        draw(QPointF(x, y), stamp.pixmap)


def _workers_first(shown: Iterable[Mark]) -> Iterator[Mark]:
    last = []
    for mark in shown:
        if mark.kind == "worker":
            yield mark
        else:
            last.append(mark)
    yield from last


def paint_names(painter: QPainter, shown: Iterable[Mark], frame: Frame, ink: Ink, *, whole: bool = False) -> None:
    """Write names below marks, cut in the middle where there is no room, since their ends tell them apart.

    Where coordinators stand close together, a name that would cover another one is left to the table.
    """
    colours, font = ink
    metrics = QFontMetricsF(font)
    painter.setFont(font)
    painter.setPen(colours.text)
    taken: list[QRectF] = []
    for mark in shown:
        room = 260.0 if whole or mark.kind != "worker" else frame.name_room - 8
        text = metrics.elidedText(mark.label, Qt.TextElideMode.ElideMiddle, room)
        across, down = frame.at(mark.x, mark.y)
        width = metrics.horizontalAdvance(text)
        away = frame.outside(mark.kind) + 4
        tops = [down + away, down - away - metrics.height()]
        if mark.kind == "coordinator":
            tops.reverse()
        top = tops[0]
        if whole or mark.kind != "worker":
            areas = [QRectF(across - width / 2 - 4, one - 1, width + 8, metrics.height() + 2) for one in tops]
            free = [area for area in areas if not any(area.intersects(other) for other in taken)]
            if not free:
                continue
            taken.append(free[0])
            top = free[0].top() + 1
            _paint_ground(painter, free[0], colours)
        painter.drawText(QPointF(across - width / 2, top + metrics.ascent()), text)


def _paint_ground(painter: QPainter, area: QRectF, colours: Colours) -> None:
    pen, ground = painter.pen(), QColor(colours.card)
    ground.setAlphaF(0.82)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(ground)
    painter.drawRoundedRect(area, 4, 4)
    painter.setPen(pen)


def paint_captions(painter: QPainter, captions: Mapping[Sector, str], scene: Scene, frame: Frame, ink: Ink) -> None:
    """Write beyond the workers of each way what way that is, as far out as can be seen."""
    colours, font = ink
    metrics = QFontMetricsF(font)
    painter.setFont(font)
    for sector, text in captions.items():
        across, down = frame.at(*_beyond(scene, sector))
        width, height = metrics.horizontalAdvance(text) + 12, metrics.height() + 4
        across += math.cos(DIRECTIONS[sector]) * width / 2
        down += math.sin(DIRECTIONS[sector]) * height
        left = min(max(across - width / 2, 6), max(6.0, frame.size[0] - width - 6))
        top = min(max(down - height / 2, 6), max(6.0, frame.size[1] - height - 6))
        painter.setPen(colours.muted)
        _paint_ground(painter, QRectF(left, top, width, height), colours)
        painter.drawText(QPointF(left + 6, top + 2 + metrics.ascent()), text)


def _beyond(scene: Scene, sector: Sector) -> Point:
    """Return the point of the map beyond all workers of a way, in its direction."""
    x, y = math.cos(DIRECTIONS[sector]) * STRETCH, math.sin(DIRECTIONS[sector])
    length = x * x + y * y
    marks = (scene.marks[name] for name, (way, _) in scene.layout.workers.items() if way == sector)
    share = max(((mark.x * x + mark.y * y) / length for mark in marks), default=0.0) + SPACING
    return share * x, share * y


def paint_ring(painter: QPainter, mark: Mark, frame: Frame, pen: QPen, gap: float) -> None:
    """Paint a ring around a mark."""
    radius = frame.outside(mark.kind) + gap
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawEllipse(QPointF(*frame.at(mark.x, mark.y)), radius, radius)
