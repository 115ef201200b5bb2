"""What was done on each of the last days, as bars; the last one is today."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.widgets.theme import colours
from app.widgets.tips import tip


class DayBars(QWidget):
    """One bar for each day, in the direction of reading; each tells its day and number where one points at it."""

    def __init__(self) -> None:
        super().__init__()
        self._days: tuple[tuple[str, int], ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(self.fontMetrics().averageCharWidth() * 20, round(self.fontMetrics().height() * 2.8))

    def minimumSizeHint(self) -> QSize:
        return QSize(60, self.sizeHint().height())

    def show_days(self, days: Sequence[tuple[str, int]]) -> None:
        """Show the words for each day and how much it was; the oldest is the first."""
        if tuple(days) != self._days:
            self._days = tuple(days)
            self.setAccessibleName(", ".join(words for words, _ in self._days))
            self.update()

    def bar(self, position: int) -> QRectF:
        """Return the room of one bar, from bottom to top."""
        area = QRectF(self.rect()).adjusted(0, 2, 0, -2)
        step = area.width() / max(1, len(self._days))
        mirrored = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        place = len(self._days) - 1 - position if mirrored else position
        return QRectF(area.left() + place * step, area.top(), step, area.height())

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            under = (n for n in range(len(self._days)) if self.bar(n).contains(event.pos()))
            position = next(under, None)
            text = self._days[position][0] if position is not None else ""
            QToolTip.showText(event.globalPos(), tip(text), self)
            return True
        return super().event(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        c, painter = colours(), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        most = max((count for _, count in self._days), default=0)
        for position, (_, count) in enumerate(self._days):
            room = self.bar(position)
            gap = min(6.0, room.width() * 0.25)
            height = max(2.0, room.height() * count / most) if count else 2.0
            bar = QRectF(room.left() + gap / 2, room.bottom() - height, room.width() - gap, height)
            painter.setBrush(c.accent_line if count else c.track)
            painter.drawRoundedRect(bar, 2, 2)
