"""The small pictures of computers: a shape for each kind and state, so that no colour is needed to tell them apart.

They are painted once for each size and kept, for a large mesh is thousands of the same few.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen, QPixmap, QPolygonF

from app.appearance import Colours, mix
from app.picture import Tone
from app.topology.scene import Kind, Mark
from node.mesh_view.values import CoordinatorStatus, WorkerStatus
from node.wire.messages import Route

Status = WorkerStatus | CoordinatorStatus
KEPT = 600  # pictures; with more of them, those of sizes that are not used any more go
FULL = 5  # steps of load

TONES: Mapping[Status, Tone] = {
    "active": "good",
    "met": "busy",
    "starting": "busy",
    "stale": "warn",
    "draining": "rest",
    "paused": "rest",
    "revoked": "bad",
    "unreachable": "bad",
    "offline": "quiet",
    "unknown": "quiet",
}
# A way's line: the colour's tone, and the pattern in widths of the pen; none is a line without gaps.
LINES: Mapping[Route, tuple[Tone, tuple[float, ...]]] = {
    "local": ("good", ()),
    "direct": ("good", ()),
    "vpn": ("busy", (9.0, 3.0)),
    "relay": ("warn", (5.0, 3.0, 1.0, 3.0)),
    "tunnel": ("quiet", (1.5, 3.5)),
}
SCALES: Mapping[Kind, float] = {"worker": 1.0, "own": 1.5, "coordinator": 1.9}


def line_pen(route: Route, colours: Colours, width: float, *, faint: bool, plain: bool = False) -> QPen:
    """Return the pen for a way; a plain one has no pattern. Colours are opaque: they are painted much faster."""
    tone, pattern = LINES[route]
    colour = colours.tones[tone].text
    pen = QPen(mix(colours.card, colour, 0.35) if faint else colour, width)
    pen.setCapStyle(Qt.PenCapStyle.FlatCap)
    if pattern and not plain:
        pen.setDashPattern([part * (1.0 if width < 2 else 1.6 / math.sqrt(width)) for part in pattern])
    return pen


class Look(NamedTuple):
    """What a mark shows."""

    kind: Kind
    status: Status
    busy: int = 0


@dataclass(frozen=True, slots=True)
class Stamp:
    """A picture and where its middle is."""

    pixmap: QPixmap
    half: float


class Marks:
    """Paints marks and remembers them, for one set of colours and one density of pixels."""

    def __init__(self, colours: Colours, ratio: float) -> None:
        self.colours = colours
        self.ratio = ratio
        self._stamps: dict[tuple[Look, int], Stamp] = {}

    def stamp(self, mark: Mark, radius: int) -> Stamp:
        """Return the picture of a mark; `radius` is that of a worker, in points."""
        busy = mark.busy if mark.kind == "worker" and radius >= 6 else 0
        look = Look(mark.kind, mark.status, busy)
        stamp = self._stamps.get((look, radius))
        if stamp is None:
            if len(self._stamps) >= KEPT:
                self._stamps.clear()
            stamp = self._stamps[look, radius] = self._paint(look, radius)
        return stamp

    def _paint(self, look: Look, radius: int) -> Stamp:
        size = radius * SCALES[look.kind]
        half = math.ceil(1.1 * size + 2)  # with half of the pen
        pixmap = QPixmap(round(2 * half * self.ratio), round(2 * half * self.ratio))
        pixmap.setDevicePixelRatio(self.ratio)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.translate(half, half)
        paint_mark(painter, self.colours, look, size)
        painter.end()
        return Stamp(pixmap, half)


def paint_mark(painter: QPainter, colours: Colours, look: Look, size: float) -> None:
    """Paint a mark around the painter's origin; `size` is its radius."""
    kind, status, busy = look
    tone = TONES[status]
    colour = colours.accent_line if kind == "own" and status == "active" else colours.tones[tone].text
    outline = OUTLINES[kind](size)
    pen = QPen(colour, max(1.0, size * 0.2))
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)
    painter.setBrush(colours.card)
    painter.drawPath(outline)
    INSIDES.get(status, _nothing)(painter, outline, colour, colours.card, size)
    if busy:
        _paint_load(painter, colours, busy, size)


def _disc(size: float) -> QPainterPath:
    path = QPainterPath()
    path.addEllipse(QPointF(0, 0), size * 0.9, size * 0.9)
    return path


def _diamond(size: float) -> QPainterPath:
    return _polygon(4, size, 0.0)


def _hexagon(size: float) -> QPainterPath:
    return _polygon(6, size, math.pi / 6)


def _polygon(corners: int, size: float, turn: float) -> QPainterPath:
    angles = (turn + 2 * math.pi * n / corners for n in range(corners))
    path = QPainterPath()
    path.addPolygon(QPolygonF([QPointF(size * math.cos(angle), size * math.sin(angle)) for angle in angles]))
    path.closeSubpath()
    return path


def _nothing(_painter: QPainter, _outline: QPainterPath, _colour: QColor, _ground: QColor, _size: float) -> None:
    pass


def _filled(painter: QPainter, outline: QPainterPath, colour: QColor, _ground: QColor, _size: float) -> None:
    painter.fillPath(outline, colour)


def _half(painter: QPainter, outline: QPainterPath, colour: QColor, _ground: QColor, size: float) -> None:
    lower = QPainterPath()
    lower.addRect(QRectF(-size, 0, 2 * size, size))
    painter.fillPath(outline.intersected(lower), colour)


def _dotted(painter: QPainter, _outline: QPainterPath, colour: QColor, _ground: QColor, size: float) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawEllipse(QPointF(0, 0), size * 0.42, size * 0.42)


def _bars(painter: QPainter, outline: QPainterPath, colour: QColor, ground: QColor, size: float) -> None:
    painter.fillPath(outline, colour)
    for side in (-0.42, 0.12):
        painter.fillRect(QRectF(side * size, -0.45 * size, 0.3 * size, 0.9 * size), ground)


def _cross(painter: QPainter, _outline: QPainterPath, colour: QColor, _ground: QColor, size: float) -> None:
    painter.setPen(QPen(colour, max(1.0, size * 0.22)))
    end = size * 0.38
    painter.drawLine(QPointF(-end, -end), QPointF(end, end))
    painter.drawLine(QPointF(-end, end), QPointF(end, -end))


def _question(painter: QPainter, _outline: QPainterPath, colour: QColor, _ground: QColor, size: float) -> None:
    painter.setPen(QPen(colour, max(1.0, size * 0.22)))
    painter.drawLine(QPointF(-size * 0.4, 0), QPointF(size * 0.4, 0))


def _clock(painter: QPainter, _outline: QPainterPath, colour: QColor, _ground: QColor, size: float) -> None:
    painter.setPen(QPen(colour, max(1.0, size * 0.2)))
    painter.drawPolyline([QPointF(0, -size * 0.5), QPointF(0, 0), QPointF(size * 0.35, size * 0.2)])


def _paint_load(painter: QPainter, colours: Colours, busy: int, size: float) -> None:
    """Paint how busy it is as a part of a circle within the disc."""
    pen = QPen(colours.card, max(1.0, size * 0.16))
    pen.setCapStyle(Qt.PenCapStyle.FlatCap)
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    inner = size * 0.5
    painter.drawArc(QRectF(-inner, -inner, 2 * inner, 2 * inner), 90 * 16, -round(360 * 16 * busy / FULL))


OUTLINES: Mapping[Kind, Callable[[float], QPainterPath]] = {
    "worker": _disc,
    "own": _diamond,
    "coordinator": _hexagon,
}
INSIDES: Mapping[Status, Callable[[QPainter, QPainterPath, QColor, QColor, float], None]] = {
    "active": _filled,
    "met": _dotted,
    "starting": _dotted,
    "stale": _clock,
    "draining": _half,
    "paused": _bars,
    "revoked": _cross,
    "unreachable": _cross,
    "offline": _question,
    "unknown": _nothing,
}
