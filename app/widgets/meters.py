"""Numbers as pictures: the thin bar, the figure with its caption, the chart of the last minute."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QLinearGradient, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QProgressBar, QSizePolicy, QVBoxLayout, QWidget

from app.counted import counted
from app.picture import Tone
from app.widgets.labels import label
from app.widgets.theme import colours
from app.widgets.tips import tip


class Meter(QProgressBar):
    """A thin bar from 0 to 1 in the accent's or a tone's colour; screen readers hear a percentage."""

    HEIGHT = 6

    def __init__(self, name: str, tone: Tone | None = None) -> None:
        super().__init__()
        self._tone = tone
        self.setRange(0, 1000)
        self.setTextVisible(False)
        self.setAccessibleName(name)
        self.setFixedHeight(self.HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_fraction(self, fraction: float, tone: Tone | None = None) -> None:
        if tone != self._tone:
            self._tone = tone
            self.update()
        self.setValue(round(max(0.0, min(1.0, fraction)) * 1000))

    def sizeHint(self) -> QSize:
        return QSize(120, self.HEIGHT)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:
        c, area = colours(), QRectF(self.rect())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        radius = area.height() / 2
        painter.setBrush(c.track)
        painter.drawRoundedRect(area, radius, radius)
        if self.value() > 0:
            filled = QRectF(area)
            filled.setWidth(max(area.height(), area.width() * self.value() / self.maximum()))
            if self.layoutDirection() == Qt.LayoutDirection.RightToLeft:
                filled.moveRight(area.right())
            painter.setBrush(c.tones[self._tone].text if self._tone else c.accent_line)
            painter.drawRoundedRect(filled, radius, radius)


class Figure(QWidget):
    """One big number and what it counts."""

    def __init__(self, caption: str, explanation: str) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(1)
        self._caption = caption
        self._number = label("–", "figure")
        column.addWidget(self._number)
        column.addWidget(label(caption, "small", wrap=True))
        column.addStretch(1)
        self.setToolTip(tip(explanation))

    def show_number(self, text: str) -> None:
        self._number.setText(text)
        self.setAccessibleName(f"{self._caption}: {text}")


class ChartWithCaption(QWidget):
    """The chart and one line below it that says its sum."""

    def __init__(self) -> None:
        super().__init__()
        self._chart = Chart()
        self._caption = label("", "small")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self._chart)
        column.addWidget(self._caption)
        self.show_counts(())

    def show_counts(self, counts: Sequence[int]) -> None:
        total = sum(counts)
        if total:
            text = counted.requests_last_minute(total)
        else:
            text = QCoreApplication.translate("Chart", "No requests in the last minute")
        self._caption.setText(text)
        self.setAccessibleName(self._caption.text())
        self._chart.show_counts(counts)


class Chart(QWidget):
    """A filled curve of counts over time, the newest at the end."""

    def __init__(self) -> None:
        super().__init__()
        self._counts: tuple[int, ...] = ()
        self.setMinimumHeight(72)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_counts(self, counts: Sequence[int]) -> None:
        if tuple(counts) != self._counts:
            self._counts = tuple(counts)
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        c, area = colours(), QRectF(self.rect()).adjusted(1, 4, -1, -2)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(c.border, 1))
        lively = len(self._counts) > 1 and any(self._counts)
        for part in (0.0, 0.5, 1.0) if lively else (1.0,):
            height = area.top() + area.height() * part
            painter.drawLine(QPointF(area.left(), height), QPointF(area.right(), height))
        if lively:
            self._draw_curve(painter, area, c.accent_line)

    def _draw_curve(self, painter: QPainter, area: QRectF, colour: QColor) -> None:
        highest = max(4, *self._counts)
        step = area.width() / (len(self._counts) - 1)
        curve = QPainterPath()
        for index, count in enumerate(self._counts):
            point = QPointF(area.left() + index * step, area.bottom() - area.height() * count / highest)
            if index == 0:
                curve.moveTo(point)
            else:
                curve.lineTo(point)
        ground = QPainterPath(curve)
        ground.lineTo(area.bottomRight())
        ground.lineTo(area.bottomLeft())
        shade = QLinearGradient(area.topLeft(), area.bottomLeft())
        strong, faint = QColor(colour), QColor(colour)
        strong.setAlphaF(0.35)
        faint.setAlphaF(0.03)
        shade.setColorAt(0.0, strong)
        shade.setColorAt(1.0, faint)
        painter.fillPath(ground, shade)
        painter.setPen(QPen(colour, 2, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
        painter.drawPath(curve)
