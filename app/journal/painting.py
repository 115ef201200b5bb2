"""Draws a row of the activity log: time, mark, what happened, and below it why; or the heading of a day."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app import icons
from app.appearance import Colours
from app.journal import words
from app.journal.table import JournalModel
from app.widgets.theme import colours
from node.activity.entries import Entry

GAP = 10
PADDING = 6
MARK = 16


class JournalDelegate(QStyledItemDelegate):
    """Paints with the fonts of the view, so that it grows with them."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        row = _model_of(index).row_at(index)
        line = option.fontMetrics.height()
        if row is None or row.entry is None:
            return QSize(60, int(line * 1.25) + 3 * PADDING)
        return QSize(60, line * (2 if row.entry.detail else 1) + 2 * PADDING)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        model = _model_of(index)
        row = model.row_at(index)
        if row is None:
            return
        c = colours()
        painter.save()
        area = QRect(option.rect).adjusted(GAP, 0, -GAP, 0)
        if row.entry is None:
            self._heading(painter, option, area, model.heading(row), c)
        else:
            self._ground(painter, option, c)
            self._entry(painter, option, area, row.entry, c)
        painter.restore()

    def _heading(self, painter: QPainter, option: QStyleOptionViewItem, area: QRect, text: str, c: Colours) -> None:
        font = QFont(option.font)
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(c.muted)
        metrics = QFontMetrics(font)
        painter.drawText(
            area, _along(option) | Qt.AlignmentFlag.AlignVCenter, metrics.elidedText(text, ELIDE, area.width())
        )
        used = metrics.horizontalAdvance(text) + GAP
        if used < area.width():
            painter.setPen(QPen(c.border, 1))
            line = QRect(area).adjusted(used, 0, 0, 0)
            if option.direction == Qt.LayoutDirection.RightToLeft:
                line = QRect(area).adjusted(0, 0, -used, 0)
            painter.drawLine(line.left(), area.center().y(), line.right(), area.center().y())

    def _ground(self, painter: QPainter, option: QStyleOptionViewItem, c: Colours) -> None:
        state = option.state
        rect = QRect(option.rect).adjusted(2, 1, -2, -1)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if state & QStyle.StateFlag.State_Selected:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(c.hover)
            painter.drawRoundedRect(rect, 6, 6)
        if state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(c.accent_line, 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(rect.adjusted(1, 1, -1, -1), 6, 6)

    def _entry(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        area: QRect,
        entry: Entry,
        c: Colours,
    ) -> None:
        mirrored = option.direction == Qt.LayoutDirection.RightToLeft
        metrics: QFontMetrics = option.fontMetrics
        line = metrics.height()
        clock = metrics.horizontalAdvance("00:00") + GAP
        columns = (clock, MARK + GAP, max(0, area.width() - clock - MARK - GAP))
        boxes, x = [], area.left()
        for width in columns:
            left = x if not mirrored else area.right() + 1 - (x - area.left()) - width
            boxes.append(QRect(left, area.top() + PADDING, width, line))
            x += width
        along = _along(option) | Qt.AlignmentFlag.AlignVCenter
        painter.setFont(option.font)
        painter.setPen(c.muted)
        painter.drawText(boxes[0], along, words.clock(entry))
        ratio = painter.device().devicePixelRatioF() if painter.device() is not None else 1.0
        tone = words.tone_of(entry)
        mark = icons.glyph_pixmap(words.glyph_of(entry), c.tones[tone].text, MARK, ratio)
        place = boxes[1].left() + (GAP if mirrored else 0)
        painter.drawPixmap(place, boxes[1].center().y() - MARK // 2 + 1, mark)
        text = boxes[2]
        painter.setPen(c.text)
        painter.drawText(text, along, metrics.elidedText(words.sentence(entry), ELIDE, text.width()))
        if entry.detail:
            below = text.translated(0, line)
            painter.setPen(c.muted)
            painter.drawText(
                below, along, metrics.elidedText(entry.detail.replace("\n", " "), ELIDE, below.width())
            )


ELIDE = Qt.TextElideMode.ElideRight


def _along(option: QStyleOptionViewItem) -> Qt.AlignmentFlag:
    """Return the side on which reading begins."""
    direction = option.direction
    return QStyle.visualAlignment(direction, Qt.AlignmentFlag.AlignLeft)


def _model_of(index: QModelIndex | QPersistentModelIndex) -> JournalModel:
    model = index.model()
    assert isinstance(model, JournalModel)
    return model
