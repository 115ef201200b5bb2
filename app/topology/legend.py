"""What lines and marks on the map mean, with how many there are of each; wraps where there is little room."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import figures, wording
from app.topology import words
from app.topology.marks import Look, Status, line_pen, paint_mark
from app.topology.scene import Kind, Scene
from app.widgets.theme import colours
from node.wire.messages import Route

SAMPLE = 34  # points, of a line
GAP, LINE_GAP = 18, 6
ROUTES: tuple[Route, ...] = ("direct", "vpn", "relay", "tunnel")


@dataclass(frozen=True, slots=True)
class Entry:
    """One sample and what it means."""

    sample: Route | tuple[Kind, Status]
    text: str


class Legend(QWidget):
    """Entries in reading order, one row below the other."""

    def __init__(self) -> None:
        super().__init__()
        self._entries: tuple[Entry, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_scene(self, scene: Scene) -> None:
        entries = entries_of(scene)
        if entries != self._entries:
            self._entries = entries
            self.setAccessibleName(", ".join(entry.text for entry in entries))
            self._take_room()
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(300, max(1, self._height_for(self.width())))

    def minimumSizeHint(self) -> QSize:
        return QSize(120, 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._take_room()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter, c = QPainter(self), colours()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        mirrored = self.layoutDirection() == Qt.LayoutDirection.RightToLeft

        def put(entry: Entry, left: float, top: float, width: float) -> None:
            if mirrored:
                left = self.width() - left - width
            line = self.fontMetrics().height()
            start = left + width - SAMPLE if mirrored else left
            self._paint_sample(painter, entry, QRectF(start, top, SAMPLE, line))
            painter.setPen(c.muted)
            room = QRectF(left if mirrored else left + SAMPLE + 6, top, width - SAMPLE - 6, line)
            flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
            painter.drawText(room, int(flags), self._cut(entry.text, room.width()))

        self._place(self.width(), put)

    def _cut(self, text: str, room: float) -> str:
        return self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(room) + 1)

    def _paint_sample(self, painter: QPainter, entry: Entry, area: QRectF) -> None:
        c, middle = colours(), area.center()
        painter.save()
        if isinstance(entry.sample, str):
            painter.setPen(line_pen(entry.sample, c, 1.6, faint=False))
            painter.drawLine(QPointF(area.left(), middle.y()), QPointF(area.right(), middle.y()))
        else:
            painter.translate(middle)
            paint_mark(painter, c, Look(*entry.sample), min(7.0, area.height() / 2))
        painter.restore()

    def _place(self, width: int, put: Callable[[Entry, float, float, float], object]) -> int:
        """Say where each entry goes; return the height of all."""
        metrics, left, top = self.fontMetrics(), 0.0, 0.0
        for entry in self._entries:
            wide = min(float(width), metrics.horizontalAdvance(entry.text) + SAMPLE + 8)
            if left > 0 and left + wide > width:
                left, top = 0.0, top + metrics.height() + LINE_GAP
            put(entry, left, top, wide)
            left += wide + GAP
        return int(top) + metrics.height()

    def _height_for(self, width: int) -> int:
        return self._place(width, lambda *_: None) if self._entries else 0

    def _take_room(self) -> None:
        height = self._height_for(self.width())
        if height != self.minimumHeight():
            self.setFixedHeight(height)


def entries_of(scene: Scene) -> tuple[Entry, ...]:
    """Return what is to be explained on a scene: only what is on it."""
    ways = Counter(line.route for line in scene.lines)
    marks: Counter[tuple[Kind, Status]] = Counter((mark.kind, mark.status) for mark in scene.marks.values())
    lines = [_entry(route, wording.ROUTES[route].label, ways[route]) for route in ROUTES if ways[route]]
    kinds: Mapping[Kind, str] = words.kinds()
    statuses = words.statuses()
    order: tuple[Literal["own", "coordinator", "worker"], ...] = ("own", "coordinator", "worker")
    known = [status for alternatives in get_args(Status) for status in get_args(alternatives)]
    found = []
    for kind in order:
        for status in dict.fromkeys(known):
            if marks[kind, status]:
                text = statuses[status] if kind == "worker" else kinds[kind]
                found.append(_entry((kind, status), text, 0 if kind == "own" else marks[kind, status]))
    return (*lines, *found)


def _entry(sample: Route | tuple[Kind, Status], text: str, count: int) -> Entry:
    """Return an entry with its count, where that says something."""
    if not count:
        return Entry(sample, text)
    counted = words.translate("Mesh", "{what}: {count}").format(what=text, count=figures.number(count))
    return Entry(sample, counted)
