"""The grid of a week's half hours: painted by dragging, or with arrows, Shift and Space; every cell has a name."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QEvent,
    QLocale,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QFrame,
    QHeaderView,
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from app import week as weeks
from app.week import DAYS, SLOT, SLOTS, Cover
from app.widgets.theme import colours
from app.widgets.tips import tip
from node.rules.settings import Schedule, Week

Index = QModelIndex | QPersistentModelIndex
NOWHERE = QModelIndex()
COVER = Qt.ItemDataRole.UserRole
NARROW = 80  # average characters of width below which days have short names


class WeekTable(QAbstractTableModel):
    """Seven rows of 48 half hours; what somebody drags over is shown as if it were painted."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.week: Week = Schedule().days
        self.short_names = False
        self._trial: Week | None = None

    @property
    def shown(self) -> Week:
        return self.week if self._trial is None else self._trial

    def show_week(self, week: Week) -> None:
        if week != self.week:
            self.week = week
            self._all_changed()

    def shorten(self, *, wanted: bool) -> None:
        """Give days short names or long ones."""
        if wanted != self.short_names:
            self.short_names = wanted
            self.headerDataChanged.emit(Qt.Orientation.Vertical, 0, DAYS - 1)

    def try_out(self, trial: Week | None) -> None:
        """Show a week that is not so yet."""
        if trial != self._trial:
            self._trial = trial
            self._all_changed()

    def rowCount(self, parent: Index = NOWHERE) -> int:
        return 0 if parent.isValid() else DAYS

    def columnCount(self, parent: Index = NOWHERE) -> int:
        return 0 if parent.isValid() else SLOTS

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        cover = weeks.cover(self.shown[index.row()], index.column())
        if role == COVER:
            return cover
        if role in (Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole):
            return tip(self._name(index.row(), index.column(), cover))
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role == Qt.ItemDataRole.AccessibleTextRole or (
            role == Qt.ItemDataRole.DisplayRole and orientation is Qt.Orientation.Vertical
        ):
            if orientation is Qt.Orientation.Horizontal:
                return weeks.clock(section * SLOT)
            return day_name(section, short=self.short_names and role == Qt.ItemDataRole.DisplayRole)
        return None

    def _name(self, day: int, slot: int, cover: Cover) -> str:
        pattern = {
            "open": self.tr("{day} {start} to {end}, may work"),
            "closed": self.tr("{day} {start} to {end}, rests"),
            "partly": self.tr("{day} {start} to {end}, may work for a part of it"),
        }[cover]
        start, end = weeks.clock(slot * SLOT), weeks.clock((slot + 1) * SLOT)
        return pattern.format(day=day_name(day), start=start, end=end)

    def _all_changed(self) -> None:
        self.dataChanged.emit(self.index(0, 0), self.index(DAYS - 1, SLOTS - 1))


class CellPainter(QStyledItemDelegate):
    """Draws one half hour; open ones are full, which can be seen without colour."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        c, area = colours(), QRect(option.rect)
        state = option.state
        enabled = bool(state & QStyle.StateFlag.State_Enabled)
        mirrored = option.direction is Qt.LayoutDirection.RightToLeft
        hour = index.column() % 2 == 0  # a gap where an hour begins
        cell = area.adjusted(int(hour and not mirrored), 1, -int(hour and mirrored), -1)
        painter.fillRect(cell, c.track)
        cover = index.data(COVER)
        filled = QRect(cell)
        if cover == "partly":
            filled.setTop(cell.center().y())
        if cover != "closed":
            painter.fillRect(filled, c.accent_line if enabled else c.muted)
        if state & QStyle.StateFlag.State_Selected:
            painter.fillRect(area.adjusted(0, 0, 0, 1 - area.height() + 2), c.text)
            painter.fillRect(area.adjusted(0, area.height() - 3, 0, 0), c.text)
        if state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(c.text, 2))
            painter.drawRect(area.adjusted(1, 1, -1, -1))


class WeekGrid(QTableView):
    """Says what was painted as `painted(days, slots, works)`; it shows only what it is told."""

    painted = Signal(object, object, bool)  # range of days, range of half hours
    day_chosen = Signal(int)
    spread = Signal()  # the half hours have other places

    def __init__(self) -> None:
        super().__init__()
        self.table = WeekTable(self)
        self._anchor: QModelIndex | None = None
        self._works = False
        self.setModel(self.table)
        self.setItemDelegate(CellPainter(self))
        self.setAccessibleName(self.tr("Hours of the week in which this computer may work"))
        self.setAccessibleDescription(
            self.tr("Arrow keys move, Shift with arrow keys extends, Space switches between working and resting.")
        )
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)
        self.setCornerButtonEnabled(False)
        for corner in self.findChildren(QAbstractButton):
            corner.setAccessibleName(self.tr("All days"))
        self.setTabKeyNavigation(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ContiguousSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.horizontalHeader().hide()
        self.horizontalHeader().setMinimumSectionSize(1)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        days = self.verticalHeader()
        days.setAccessibleName(self.tr("Days"))
        days.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        days.setSectionsClickable(True)
        days.setToolTip(self.tr("Switch the whole day"))
        days.setHighlightSections(False)
        days.setStyleSheet("QHeaderView::section { padding: 0 8px; border: none; }")
        days.sectionClicked.connect(self._switch_day)
        self.selectionModel().currentChanged.connect(lambda now, _before: self.day_chosen.emit(now.row()))
        self.setCurrentIndex(self.table.index(0, 0))
        self.clearSelection()

    # --- size -----------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(self.fontMetrics().averageCharWidth() * 60, self._row_height() * DAYS + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(SLOTS * 4, self.sizeHint().height())

    def _row_height(self) -> int:
        return max(22, self.fontMetrics().height() + 8)

    def updateGeometries(self) -> None:
        """Spread the half hours over the width that there is, to the last pixel."""
        self.table.shorten(wanted=self.width() < NARROW * self.fontMetrics().averageCharWidth())
        super().updateGeometries()
        width, done = max(SLOTS, self.viewport().width()), 0
        for column in range(SLOTS):
            upto = width * (column + 1) // SLOTS
            if self.columnWidth(column) != upto - done:
                self.setColumnWidth(column, upto - done)
            done = upto
        for row in range(DAYS):
            if self.rowHeight(row) != self._row_height():
                self.setRowHeight(row, self._row_height())
        self.spread.emit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self.updateGeometry()

    # --- mouse ----------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self.indexAt(event.position().toPoint())
        if event.button() is not Qt.MouseButton.LeftButton or not index.isValid():
            return
        self._anchor, self._works = index, index.data(COVER) != "open"
        self.setCurrentIndex(index)
        self.clearSelection()
        self._try(index)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._anchor is not None:
            self._try(self._nearest(event.position().toPoint()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        anchor, self._anchor = self._anchor, None
        if anchor is not None and event.button() is Qt.MouseButton.LeftButton:
            days, slots = _rectangle([anchor, self._nearest(event.position().toPoint())])
            self.table.try_out(None)
            self.painted.emit(days, slots, self._works)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Take a second click for what it is: another click."""
        self.mousePressEvent(event)

    def _try(self, upto: QModelIndex) -> None:
        if self._anchor is not None:
            days, slots = _rectangle([self._anchor, upto])
            self.table.try_out(weeks.painted_week(self.table.week, days, slots, works=self._works))

    def _nearest(self, place: QPoint) -> QModelIndex:
        area = self.visualRect(self.table.index(0, 0)) | self.visualRect(self.table.index(DAYS - 1, SLOTS - 1))
        inside = QPoint(
            min(max(place.x(), area.left()), area.right()), min(max(place.y(), area.top()), area.bottom())
        )
        index = self.indexAt(inside)
        return index if index.isValid() else self.currentIndex()

    # --- keyboard -------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if self._anchor is not None and key == Qt.Key.Key_Escape:
            self._anchor = None
            self.table.try_out(None)
        elif key in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._switch_chosen()
        else:
            super().keyPressEvent(event)

    def _switch_chosen(self) -> None:
        """Open what is chosen; close it where all of it is open."""
        chosen = self.selectedIndexes() or [self.currentIndex()]
        works = any(index.data(COVER) != "open" for index in chosen)
        self.painted.emit(*_rectangle(chosen), works)

    def _switch_day(self, day: int) -> None:
        self.setCurrentIndex(self.table.index(day, 0))
        self.clearSelection()
        works = any(weeks.cover(self.table.week[day], slot) != "open" for slot in range(SLOTS))
        self.painted.emit(range(day, day + 1), range(SLOTS), works)


class HourRuler(QWidget):
    """The hours above the grid, in its direction; an ornament: every cell says its own times."""

    def __init__(self, grid: WeekGrid) -> None:
        super().__init__()
        self._grid = grid
        grid.spread.connect(self.update)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(10, self.fontMetrics().height() + 2)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter, grid, metrics = QPainter(self), self._grid, self.fontMetrics()
        painter.setPen(colours().muted)
        left = grid.viewport().mapTo(grid, QPoint(0, 0)).x() + grid.x() - self.x()
        widest = metrics.horizontalAdvance("00") * 1.8
        step = next((n for n in (2, 3, 6) if grid.viewport().width() / 24 * n > widest), 12)
        mirrored = self.layoutDirection() is Qt.LayoutDirection.RightToLeft
        for hour in range(0, 24, step):
            x = left + grid.columnViewportPosition(hour * 2)
            width = round(grid.viewport().width() / 24 * step)
            if mirrored:
                x += grid.columnWidth(hour * 2) - width
            side = Qt.AlignmentFlag.AlignRight if mirrored else Qt.AlignmentFlag.AlignLeft
            painter.drawText(
                QRect(x + 1, 0, width - 2, self.height()), side | Qt.AlignmentFlag.AlignBottom, str(hour)
            )


def _rectangle(cells: list[QModelIndex]) -> tuple[range, range]:
    rows, columns = [cell.row() for cell in cells], [cell.column() for cell in cells]
    return range(min(rows), max(rows) + 1), range(min(columns), max(columns) + 1)


def day_name(day: int, *, short: bool = False) -> str:
    """Return a weekday's name in the reader's language; Monday is 0."""
    form = QLocale.FormatType.ShortFormat if short else QLocale.FormatType.LongFormat
    return QLocale().standaloneDayName(day + 1, form)
