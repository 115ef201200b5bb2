"""The rows of the activity log as a model; the view sees to it that nothing moves when there are others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, Qt

from app.journal import words
from app.journal.rows import Row, Wish, rows_of
from app.widgets.tips import tip
from node.activity.entries import Entry

Index = QModelIndex | QPersistentModelIndex
NO_PARENT = QModelIndex()
ROW = Qt.ItemDataRole.UserRole


class JournalModel(QAbstractListModel):
    """`show` is told the entries, newest first; `wish` what of them is wanted."""

    def __init__(self) -> None:
        super().__init__()
        self._entries: tuple[Entry, ...] = ()
        self._rows: list[Row] = []
        self._places: dict[int, int] = {}
        self._wish = Wish()
        self._now = 0.0

    @property
    def wish(self) -> Wish:
        return self._wish

    @property
    def shown(self) -> tuple[Entry, ...]:
        """The entries that are rows, from top to bottom."""
        return tuple(row.entry for row in self._rows if row.entry is not None)

    def show(self, entries: Sequence[Entry], now: float) -> bool:
        """Show the entries; return whether they are others than before."""
        self._now = now
        if tuple(entries) == self._entries:
            return False
        self._entries = tuple(entries)
        self._reset()
        return True

    def want(self, wish: Wish) -> None:
        """Show other entries from now on."""
        if wish != self._wish:
            self._wish = wish
            self._reset()

    def row_of(self, number: int) -> int | None:
        """Return in which row an entry is."""
        return self._places.get(number)

    def _reset(self) -> None:
        self.beginResetModel()
        self._rows = rows_of(self._entries, self._wish)
        self._places = {row.entry.number: place for place, row in enumerate(self._rows) if row.entry is not None}
        self.endResetModel()

    # --- Qt -------------------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = NO_PARENT) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def row_at(self, index: Index) -> Row | None:
        return self._rows[index.row()] if index.isValid() and index.row() < len(self._rows) else None

    def heading(self, row: Row) -> str:
        return words.day(row.at, self._now)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self.row_at(index)
        if row is None:
            return None
        if role == ROW:
            return row
        if role not in (
            Qt.ItemDataRole.DisplayRole,
            Qt.ItemDataRole.AccessibleTextRole,
            Qt.ItemDataRole.ToolTipRole,
        ):
            return None
        if row.entry is None:
            return None if role == Qt.ItemDataRole.ToolTipRole else self.heading(row)
        text = f"{words.sentence(row.entry)} {row.entry.detail}".rstrip()
        if role == Qt.ItemDataRole.ToolTipRole:
            return tip(text)
        return f"{self.heading(row)}, {words.clock(row.entry)}: {text}"

    def flags(self, index: Index) -> Qt.ItemFlag:
        row = self.row_at(index)
        if row is None or row.entry is None:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemNeverHasChildren
