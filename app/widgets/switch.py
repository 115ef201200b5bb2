"""A switch: a check box that looks like what it does, on or off at once. It is drawn in the text's size."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QCheckBox, QSizePolicy

from app.widgets.theme import colours

FRAME = 3  # points around it, for the focus


class Switch(QCheckBox):
    """On is told by place and mark, not by colour alone; screen readers find a check box with a name."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        height = max(18, round(self.fontMetrics().height() * 1.1))
        return QSize(round(height * 1.8) + 2 * FRAME, height + 2 * FRAME)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def hitButton(self, place: QPoint) -> bool:
        return self.rect().contains(place)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self.updateGeometry()

    def paintEvent(self, _event: QPaintEvent) -> None:
        c, painter = colours(), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        size = self.sizeHint()
        body = QRectF(0, 0, size.width(), size.height()).adjusted(FRAME, FRAME, -FRAME, -FRAME)
        body.moveCenter(QPointF(self.rect().center()) + QPointF(0.5, 0.5))
        on = self.isChecked()
        ground = c.accent if on else c.muted
        if not self.isEnabled():
            ground = c.track
        if self.hasFocus():
            painter.setPen(QPen(c.text, 2))
            painter.drawRoundedRect(body.adjusted(-2, -2, 2, 2), body.height() / 2 + 2, body.height() / 2 + 2)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ground if on else c.card)
        painter.drawRoundedRect(body, body.height() / 2, body.height() / 2)
        if not on:
            painter.setPen(QPen(ground, 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            inner = body.adjusted(0.75, 0.75, -0.75, -0.75)
            painter.drawRoundedRect(inner, inner.height() / 2, inner.height() / 2)
        self._paint_knob(painter, body, c.on_accent if on and self.isEnabled() else ground if not on else c.muted)

    def _paint_knob(self, painter: QPainter, body: QRectF, colour: QColor) -> None:
        radius = body.height() / 2 - (3 if self.isChecked() else 4)
        at_right = self.isChecked() != (self.layoutDirection() == Qt.LayoutDirection.RightToLeft)
        x = body.right() - body.height() / 2 if at_right else body.left() + body.height() / 2
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawEllipse(QPointF(x, body.center().y()), radius, radius)
