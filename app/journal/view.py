"""The list of the activity log: what one reads stays where it is when newer entries come."""

from __future__ import annotations

from PySide6.QtCore import QItemSelectionModel, QModelIndex, Qt, Signal
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QFrame, QListView

from app.journal import words
from app.journal.painting import JournalDelegate
from app.journal.table import JournalModel
from node.activity.entries import Entry


class JournalView(QListView):
    """`chosen` carries the one entry that is selected, or None; `unseen` how many rows came above what is seen."""

    chosen = Signal(object)
    unseen_changed = Signal(int)

    def __init__(self, model: JournalModel) -> None:
        super().__init__()
        self._journal = model
        self.unseen = 0
        self._keeping = False  # rows change, but not what one reads
        self.setModel(model)
        self.setItemDelegate(JournalDelegate(self))
        self.setAccessibleName(self.tr("What happened, the newest first"))
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self.setMinimumHeight(120)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.viewport().setAutoFillBackground(False)  # the card shows through
        self._add_actions()
        self.selectionModel().selectionChanged.connect(self._selection_changed)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)
        model.modelReset.connect(self._begin_anew)

    @property
    def entry(self) -> Entry | None:
        """The entry that is selected, if it is one."""
        rows = self._selected()
        return rows[0] if len(rows) == 1 else None

    def show_entries(self, entries: tuple[Entry, ...], now: float) -> None:
        """Show the entries, the newest first, without moving what can be seen now, or losing what is selected."""
        before, anchor = self._journal.shown[:1], self._anchor()
        selected, current = [entry.number for entry in self._selected()], self._number_of(self.currentIndex())
        self._keeping = True
        try:
            if not self._journal.show(entries, now):
                return
            self._select_again(selected, current)
        finally:
            self._keeping = False
        if anchor is not None and before:
            self._hold(*anchor)
            newer = sum(entry.number > before[0].number for entry in self._journal.shown)
            self._say_unseen(self.unseen + newer if self.verticalScrollBar().value() else 0)
        if self.entry is None and len(selected) == 1:
            self.chosen.emit(None)

    def _anchor(self) -> tuple[int, int] | None:
        """Return the uppermost entry that can be seen, and how far from the top it is (pixels)."""
        index = self.indexAt(self.viewport().rect().topLeft())
        if index.isValid() and self._number_of(index) is None:  # a heading
            index = self._journal.index(index.row() + 1)
        number = self._number_of(index)
        return (number, self.visualRect(index).top()) if number is not None else None

    def _hold(self, number: int, top: int) -> None:
        row = self._journal.row_of(number)
        if row is not None:
            self.doItemsLayout()
            bar = self.verticalScrollBar()
            bar.setValue(bar.value() + self.visualRect(self._journal.index(row)).top() - top)

    def _select_again(self, selected: list[int], current: int | None) -> None:
        model = self.selectionModel()
        if current is not None and (row := self._journal.row_of(current)) is not None:
            model.setCurrentIndex(self._journal.index(row), QItemSelectionModel.SelectionFlag.NoUpdate)
        for number in selected:
            row = self._journal.row_of(number)
            if row is not None:
                model.select(self._journal.index(row), QItemSelectionModel.SelectionFlag.Select)

    def _number_of(self, index: QModelIndex) -> int | None:
        row = self._journal.row_at(index)
        return row.entry.number if row is not None and row.entry is not None else None

    def to_newest(self) -> None:
        self.scrollToTop()
        self._say_unseen(0)

    def copy(self) -> None:
        """Copy what is selected, or everything that is shown if nothing is."""
        entries = self._selected() or self._journal.shown
        if entries:
            QGuiApplication.clipboard().setText("\n".join(words.whole(entry) for entry in entries))

    def _selected(self) -> tuple[Entry, ...]:
        indexes = sorted(self.selectionModel().selectedIndexes(), key=lambda index: index.row())
        rows = [self._journal.row_at(index) for index in indexes]
        return tuple(row.entry for row in rows if row is not None and row.entry is not None)

    def _add_actions(self) -> None:
        copy = QAction(self.tr("Copy"), self)
        copy.setShortcut(QKeySequence.StandardKey.Copy)
        copy.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        copy.triggered.connect(self.copy)
        self.addAction(copy)

    def _scrolled(self, value: int) -> None:
        if value == 0 and not self._keeping:
            self._say_unseen(0)

    def _selection_changed(self, *_: object) -> None:
        if not self._keeping:
            self.chosen.emit(self.entry)

    def _begin_anew(self) -> None:
        if not self._keeping:
            self._say_unseen(0)
            self.chosen.emit(None)

    def _say_unseen(self, count: int) -> None:
        if count != self.unseen:
            self.unseen = count
            self.unseen_changed.emit(count)
