"""A light chart of some curves over time: lines that differ in stroke as well as in colour, bars, and a scale."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QHelpEvent, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.requests.curves import Curve, Mark, nice_top
from app.widgets.theme import colours
from app.widgets.tips import tip

STROKES: dict[Mark, Qt.PenStyle] = {
    "solid": Qt.PenStyle.SolidLine,
    "dash": Qt.PenStyle.DashLine,
    "dot": Qt.PenStyle.DotLine,
}
BARS: frozenset[Mark] = frozenset({"bar", "bad"})
LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignAbsolute
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignAbsolute
SAMPLE = 22.0  # points of a stroke that the legend shows


class TimeChart(QWidget):
    """`show_curves` draws anew only what has changed; its description is for screen readers."""

    def __init__(
        self, name: str, value_text: Callable[[float], str], top: float | None = None, least: float = 0.0
    ) -> None:
        super().__init__()
        self._name, self._value_text, self._fixed_top = name, value_text, top
        self._least = least  # that the scale goes to, so that one is not drawn as many
        self._curves: tuple[Curve, ...] = ()
        self._begin = self._end_text = ""
        self._moment: Callable[[float], str] = lambda _share: ""
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def show_curves(self, curves: Sequence[Curve], begin: str, end: str, moment: Callable[[float], str]) -> None:
        """Show curves of equal length; `begin` and `end` stand below, `moment` names a place from 0.0 to 1.0."""
        self._moment = moment
        if (tuple(curves), begin, end) == (self._curves, self._begin, self._end_text):
            return
        self._curves, self._begin, self._end_text = tuple(curves), begin, end
        self.update()

    @property
    def curves(self) -> tuple[Curve, ...]:
        return self._curves

    def sizeHint(self) -> QSize:
        return QSize(240, int(self.fontMetrics().height() * 2.6) + 84)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self.sizeHint().height())

    @property
    def _top(self) -> float:
        highest = max((point for curve in self._curves for point in curve.points if point is not None), default=0.0)
        return self._fixed_top or nice_top(max(highest, self._least))

    # --- painting -------------------------------------------------------------------------------------------

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = QFontMetricsF(painter.font())
        line = metrics.height()
        self._draw_legend(painter, metrics, QRectF(0, 0, self.width(), line))
        area = QRectF(1, line + 8, self.width() - 2, self.height() - 2 * line - 14)
        self._draw_scale(painter, metrics, area)
        for curve in self._curves:
            if curve.mark in BARS:
                self._draw_bars(painter, area, curve)
            else:
                self._draw_line(painter, area, curve)

    def _colour(self, mark: Mark) -> QColor:
        c = colours()
        tones = {"solid": c.tones["busy"].text, "dash": c.tones["warn"].text, "dot": c.tones["bad"].text}
        return tones.get(mark, c.tones["bad"].text if mark == "bad" else c.accent_line)

    def _pen(self, mark: Mark) -> QPen:
        return QPen(self._colour(mark), 1.8, STROKES.get(mark, Qt.PenStyle.SolidLine), Qt.PenCapStyle.FlatCap)

    def _draw_legend(self, painter: QPainter, metrics: QFontMetricsF, area: QRectF) -> None:
        top = self._value_text(self._top)
        painter.setPen(colours().muted)
        self._draw_at_end(painter, area, top)
        room = metrics.horizontalAdvance(top) + 12
        x, mirrored = 0.0, self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        for curve in self._curves:
            width = SAMPLE + 6 + metrics.horizontalAdvance(curve.name)
            if x + width > area.width() - room:
                break
            left = area.width() - x - width if mirrored else x
            middle = area.center().y()
            sample = left + width - SAMPLE if mirrored else left
            if curve.mark in BARS:
                painter.fillRect(QRectF(sample + 6, middle - 5, 10, 10), self._colour(curve.mark))
            else:
                painter.setPen(self._pen(curve.mark))
                painter.drawLine(QPointF(sample, middle), QPointF(sample + SAMPLE, middle))
            painter.setPen(colours().muted)
            text = QRectF(left if mirrored else left + SAMPLE + 6, area.top(), width, area.height())
            painter.drawText(text, LEFT | Qt.AlignmentFlag.AlignVCenter, curve.name)
            x += width + 16

    def _draw_at_end(self, painter: QPainter, area: QRectF, text: str) -> None:
        """Write what the uppermost line stands for at the end of the line above it."""
        painter.drawText(area, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)  # Qt mirrors it

    def _draw_scale(self, painter: QPainter, metrics: QFontMetricsF, area: QRectF) -> None:
        c = colours()
        painter.setPen(QPen(c.border, 1))
        for part in (0.0, 0.5, 1.0):
            height = area.top() + area.height() * part
            painter.drawLine(QPointF(area.left(), height), QPointF(area.right(), height))
        painter.setPen(c.muted)
        below = QRectF(area.left(), area.bottom() + 3, area.width(), metrics.height())
        painter.drawText(below, LEFT, self._begin)  # time runs to the right in every language
        painter.drawText(below, RIGHT, self._end_text)

    def _draw_bars(self, painter: QPainter, area: QRectF, curve: Curve) -> None:
        width, top = area.width() / max(1, len(curve.points)), self._top
        colour = self._colour(curve.mark)
        for place, value in enumerate(curve.points):
            if value:
                height = max(1.5, area.height() * min(1.0, value / top))
                box = QRectF(area.left() + place * width, area.bottom() - height, max(1.0, width * 0.8), height)
                painter.fillRect(box, colour)

    def _draw_line(self, painter: QPainter, area: QRectF, curve: Curve) -> None:
        step, top = area.width() / max(1, len(curve.points) - 1), self._top
        path, drawing, alone = QPainterPath(), False, []
        for place, value in enumerate(curve.points):
            if value is None:
                drawing = False
                continue
            point = QPointF(area.left() + place * step, area.bottom() - area.height() * min(1.0, value / top))
            if drawing:
                path.lineTo(point)
            else:
                path.moveTo(point)
                following = curve.points[place + 1] if place + 1 < len(curve.points) else None
                if following is None:
                    alone.append(point)
            drawing = True
        painter.setPen(self._pen(curve.mark))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(path)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._colour(curve.mark))
        for point in alone:
            painter.drawEllipse(point, 1.8, 1.8)

    # --- what the mouse points at -----------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), tip(self.told_at(event.pos().x() / max(1, self.width()))), self)
            return True
        return super().event(event)

    def told_at(self, share: float) -> str:
        """Return what the curves say at a place from 0.0 (oldest) to 1.0."""
        lines = [self._moment(share)]
        for curve in self._curves:
            if curve.points:
                value = curve.points[min(len(curve.points) - 1, int(share * len(curve.points)))]
                lines.append(f"{curve.name}: {'–' if value is None else self._value_text(value)}")
        return "\n".join(lines)
