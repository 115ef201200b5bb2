"""A gauge: what is measured, its value now, a line of its last minute and one sentence more; and rows of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.widgets.glyphs import Glyph
from app.widgets.labels import ElidedLabel, set_style_property
from app.widgets.theme import colours
from app.widgets.tips import tip

Point = tuple[float, float]  # how long ago, 0 now to 1 the oldest; how high, 0 to 1

WIDTH = 30  # average characters that one gauge needs
MOST_COLUMNS = 6


@dataclass(frozen=True, slots=True)
class Reading:
    """What one gauge shows. The second line is thinner and dashed, so that it is told by more than its colour."""

    value: str
    detail: str = ""
    spoken: str = ""  # what a screen reader says, where that is not the value
    line: tuple[Point, ...] = ()
    second: tuple[Point, ...] = ()
    hint: str = ""


class Gauge(QWidget):
    """One gauge; `show_reading` draws it anew where something has changed."""

    def __init__(self, glyph: str, name: str) -> None:
        super().__init__()
        self._name = ElidedLabel(name, "muted")
        self._value = ElidedLabel("", "title")
        self._detail = ElidedLabel("", "small")
        self._line = HistoryLine()
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addWidget(Glyph(glyph, 16))
        top.addWidget(self._name, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addLayout(top)
        for widget in (self._value, self._line, self._detail):
            column.addWidget(widget)
        self._named = name
        self.setAccessibleName(name)

    def show_name(self, name: str) -> None:
        self._named = name
        self._name.show_text(name)

    def show_reading(self, reading: Reading, *, stale: bool = False) -> None:
        self._value.show_text(reading.value)
        self._detail.show_text(reading.detail)
        self._line.show_lines(reading.line, reading.second, stale=stale)
        set_style_property(self._value, "tone", "quiet" if stale else "")
        self.setToolTip(tip(reading.hint))
        parts = (f"{self._named}: {reading.spoken or reading.value}", reading.detail)
        spoken = ". ".join(part for part in parts if part)
        if spoken != self.accessibleName():
            self.setAccessibleName(spoken)


class HistoryLine(QWidget):
    """The last minute as a line, now at the end of the direction of reading; a gap is drawn as one."""

    GAP = 0.1  # of the time shown; more between two points is a time in which nothing was measured

    def __init__(self) -> None:
        super().__init__()
        self._lines: tuple[tuple[Point, ...], tuple[Point, ...]] = ((), ())
        self._stale = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(self.fontMetrics().averageCharWidth() * 16, round(self.fontMetrics().height() * 2))

    def show_lines(self, line: Sequence[Point], second: Sequence[Point], *, stale: bool) -> None:
        lines = (tuple(line), tuple(second))
        if (lines, stale) != (self._lines, self._stale):
            self._lines, self._stale = lines, stale
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        c, area = colours(), QRectF(self.rect()).adjusted(1, 3, -1, -1.5)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(c.border, 1))
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        colour = c.muted if self._stale else c.accent_line
        first, second = self._lines
        for part in parts_of(first, self.GAP):
            places = self._places(area, part)
            self._fill(painter, area, places, colour)
            self._draw(painter, places, QPen(colour, 1.6))
        for part in parts_of(second, self.GAP):
            self._draw(painter, self._places(area, part), QPen(c.text, 1.2, Qt.PenStyle.DashLine))

    def _draw(self, painter: QPainter, places: list[QPointF], pen: QPen) -> None:
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        painter.drawPolyline(places)

    def _fill(self, painter: QPainter, area: QRectF, places: list[QPointF], colour: QColor) -> None:
        shade = QColor(colour)
        shade.setAlphaF(0.16)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(shade)
        bottom = area.bottom()
        painter.drawPolygon([QPointF(places[0].x(), bottom), *places, QPointF(places[-1].x(), bottom)])
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _places(self, area: QRectF, points: Sequence[Point]) -> list[QPointF]:
        left, width, bottom, height = area.left(), area.width(), area.bottom(), area.height()
        if self.layoutDirection() is not Qt.LayoutDirection.RightToLeft:
            left, width = left + width, -width
        return [QPointF(left + width * ago, bottom - height * max(0.0, min(1.0, high))) for ago, high in points]


def parts_of(points: Sequence[Point], gap: float) -> list[list[Point]]:
    """Cut a line, the oldest point first, where too much time lies between two of them."""
    parts: list[list[Point]] = []
    for point in points:
        if not parts or parts[-1][-1][0] - point[0] > gap:
            parts.append([])
        parts[-1].append(point)
    return parts


class Tiles(QWidget):
    """Widgets of one width in as many columns as there is room for."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[QWidget, ...] = ()
        self._columns = 0
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(24)
        self._grid.setVerticalSpacing(16)

    def show_widgets(self, widgets: Sequence[QWidget]) -> None:
        """Show these, in this order; others that were shown are hidden, and stay the caller's."""
        if tuple(widgets) != self._shown:
            for widget in self._shown:
                widget.setVisible(widget in widgets)
            self._shown, self._columns = tuple(widgets), 0
            self._arrange()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        room = min(MOST_COLUMNS, self.width() // (WIDTH * max(1, self.fontMetrics().averageCharWidth())))
        room = max(1, room)
        rows = -(-len(self._shown) // room)
        columns = -(-len(self._shown) // max(1, rows)) or 1  # so that no row is much shorter than the others
        if columns == self._columns:
            return
        while self._grid.count():
            self._grid.takeAt(0)
        for column in range(MOST_COLUMNS):
            self._grid.setColumnStretch(column, 1 if column < columns else 0)
        for position, widget in enumerate(self._shown):
            self._grid.addWidget(widget, position // columns, position % columns)
            widget.show()
        self._columns = columns
