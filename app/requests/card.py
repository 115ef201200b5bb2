"""The last requests as a table, and below it all about the one that is chosen."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from app import figures
from app.past_model import RoutingSight
from app.requests import words
from app.requests.table import RESULT, SERVICE, TIME, TOOK, TRIES, WAY, WORKER, RequestsModel
from app.widgets.frames import Card, EmptyState
from app.widgets.labels import label

WIDTHS = {TIME: 14, SERVICE: 27, WORKER: 22, WAY: 22, TRIES: 9, TOOK: 12, RESULT: 18}  # average characters


class RequestsCard(Card):
    """Drawn from a RoutingSight."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName(self.tr("Last requests"))
        self.body.addWidget(label(self.tr("Last requests"), "title"))
        self._count = label("", "muted", wrap=True)
        self.model = RequestsModel()
        self.table = RequestsTable(self.model)
        self.details = label("", wrap=True)
        self.details.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.details.hide()
        self._empty = EmptyState("routing")
        self._empty.show_text(
            self.tr("No requests yet"),
            self.tr("Each request is listed here with who served it and why. What was asked is never kept."),
        )
        for widget in (self._count, self.table, self.details, self._empty):
            self.body.addWidget(widget)
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._show_details())
        self.model.modelReset.connect(self._show_details)

    def draw(self, sight: RoutingSight) -> None:
        self.table.show_sight(sight)
        any_there = bool(sight.journeys)
        self.table.setVisible(any_there)
        self._count.setVisible(any_there)
        self._empty.setVisible(not any_there)
        if any_there:
            text = self.tr(
                "The last {count}, the newest first; of very many some are left out. Choose one to see every try. "
                "What was asked is not kept."
            )
            self._count.setText(text.format(count=figures.number(len(sight.journeys))))

    def _show_details(self) -> None:
        rows = self.table.selectionModel().selectedRows()
        journey = self.model.journey_at(rows[0].row()) if rows else None
        self.details.setVisible(journey is not None)
        if journey is not None:
            self.details.setText(words.details(journey))


class RequestsTable(QTableView):
    """Follows the newest while nobody reads; who has scrolled or chosen a row keeps it where it is."""

    def __init__(self, model: RequestsModel) -> None:
        super().__init__()
        self._requests = model
        self.setModel(model)
        self.setAccessibleName(self.tr("Last requests, the newest first"))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setTabKeyNavigation(False)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setCornerWidget(QWidget())
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        self._size_sections()

    def show_sight(self, sight: RoutingSight) -> None:
        bar = self.verticalScrollBar()
        reads = bar.value() > 0 or self.selectionModel().hasSelection()
        new = self._requests.show(sight.run, sight.journeys)
        if new and reads:
            bar.setValue(bar.value() + new * self.verticalHeader().defaultSectionSize())

    def _size_sections(self) -> None:
        """Give rows and columns the room that the font needs."""
        character = self.fontMetrics().averageCharWidth()
        height = self.fontMetrics().height() + 12
        self.verticalHeader().setDefaultSectionSize(height)
        self.setMinimumHeight(7 * height)
        for column, width in WIDTHS.items():
            self.setColumnWidth(column, character * width)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._size_sections()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.selectionModel().hasSelection():
            self.clearSelection()
        else:
            super().keyPressEvent(event)
