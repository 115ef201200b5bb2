"""The last requests as rows, the newest first; newer ones are inserted, so that a choice stays."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

from app import figures
from app.requests import words
from app.widgets.theme import colours
from app.widgets.tips import tip
from node.routing.journeys import Journey

Index = QModelIndex | QPersistentModelIndex
NO_PARENT = QModelIndex()
TIME, SERVICE, WORKER, WAY, TRIES, TOOK, RESULT = range(7)


class RequestsModel(QAbstractTableModel):
    """`show` is told the requests of a run, newest first."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[Journey] = []
        self._run = 0

    def show(self, run: int, journeys: tuple[Journey, ...]) -> int:
        """Show the requests; return how many rows have come on top of what was there."""
        top = self._rows[0].number if self._rows else 0
        if run != self._run or not self._rows or not journeys or journeys[0].number < top:
            if run != self._run or self._rows or journeys:
                self.beginResetModel()
                self._run, self._rows = run, list(journeys)
                self.endResetModel()
            return 0
        newer = [one for one in journeys if one.number > top]
        if newer:
            self.beginInsertRows(NO_PARENT, 0, len(newer) - 1)
            self._rows[:0] = newer
            self.endInsertRows()
        if len(self._rows) > len(journeys):
            self.beginRemoveRows(NO_PARENT, len(journeys), len(self._rows) - 1)
            del self._rows[len(journeys) :]
            self.endRemoveRows()
        return len(newer)

    def journey_at(self, row: int) -> Journey | None:
        return self._rows[row] if 0 <= row < len(self._rows) else None

    # --- Qt -------------------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = NO_PARENT) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = NO_PARENT) -> int:
        return 0 if parent.isValid() else RESULT + 1

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> str | None:
        if role != Qt.ItemDataRole.DisplayRole or orientation != Qt.Orientation.Horizontal:
            return None
        return (
            self.tr("Time"),
            self.tr("Service"),
            self.tr("Computer"),
            self.tr("Way"),
            self.tr("Tries"),
            self.tr("Took"),
            self.tr("Result"),
        )[section]

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        journey = self.journey_at(index.row())
        if journey is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(journey, index.column())
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleDescriptionRole):
            return tip(words.why(journey))
        if role == Qt.ItemDataRole.ForegroundRole and index.column() == RESULT:
            return colours().tones[words.tone(journey)].text
        return None

    def _text(self, journey: Journey, column: int) -> str:
        match column:
            case 0:
                return words.clock(journey)
            case 1:
                return journey.service
            case 2:
                return words.worker(journey)
            case 3:
                return words.way(journey.route)
            case 4:
                return figures.number(journey.attempts)
            case 5:
                return figures.milliseconds(journey.ms)
            case _:
                return words.result(journey)
