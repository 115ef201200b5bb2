"""The table beside the map: the same computers and the same one chosen, for the keyboard and for screen readers."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QModelIndex, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QTableView, QWidget

from app.topology.scene import Scene
from app.topology.table import NAME, SENT, SERVICES, STATUS, WAY, MeshTable

WIDTHS = {
    NAME: 32,
    STATUS: 18,
    WAY: 24,
    SENT: 18,
    SERVICES: 40,
}  # columns, in average characters; others as their heading


class MeshTableView(QTableView):
    """`picked` says whom the user has chosen, `opened` whom he wants to see on the map."""

    picked = Signal(str)
    opened = Signal(str)

    def __init__(self, model: MeshTable) -> None:
        super().__init__()
        self._table = model
        self._following = False
        self._chosen: str | None = None
        self.setModel(model)
        self.setAccessibleName(self.tr("Computers of the mesh"))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # long names differ at their ends
        self.setTabKeyNavigation(False)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setMinimumSize(200, 140)
        self.setCornerWidget(QWidget())
        self._set_up_headers()
        self.selectionModel().currentRowChanged.connect(self._row_changed)
        model.modelReset.connect(self._follow)
        model.layoutChanged.connect(self._follow)
        self.doubleClicked.connect(lambda index: self._open(index.row()))

    def _set_up_headers(self) -> None:
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter)
        self._size_sections()
        self.setSortingEnabled(True)
        self.sortByColumn(NAME, Qt.SortOrder.AscendingOrder)

    def _size_sections(self) -> None:
        """Give rows and columns the room that the font needs."""
        character = self.fontMetrics().averageCharWidth()
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 12)
        for column in range(self._table.columnCount()):
            heading = str(self._table.headerData(column, Qt.Orientation.Horizontal))
            self.setColumnWidth(column, character * max(WIDTHS.get(column, 0), len(heading) + 6))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._size_sections()

    def draw(self, scene: Scene, now: float) -> None:
        self._table.show(scene, now)

    def choose(self, name: str | None) -> None:
        """Select the row of whom somebody else has chosen."""
        if name != self._chosen:
            self._chosen = name
            self._follow()

    def _follow(self) -> None:
        """Keep the row of the chosen one selected, wherever it went."""
        row = self._table.row_of(self._chosen)
        if row == self.currentIndex().row() and self.selectionModel().hasSelection():
            return
        self._following = True
        try:
            if row is None:
                self.selectionModel().clear()
            else:
                self.selectRow(row)
                self.scrollTo(self._table.index(row, 0))
        finally:
            self._following = False

    def _row_changed(self, current: QModelIndex, _before: QModelIndex) -> None:
        name = self._table.id_at(current.row())
        if not self._following and name is not None:
            self._chosen = name
            self.picked.emit(name)

    def _open(self, row: int) -> None:
        name = self._table.id_at(row)
        if name is not None:
            self.opened.emit(name)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._open(self.currentIndex().row())
        elif event.key() == Qt.Key.Key_Escape and self._chosen is not None:
            self.picked.emit("")
        else:
            super().keyPressEvent(event)
