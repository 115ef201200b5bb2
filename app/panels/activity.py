"""What happened on this computer, in sentences: filtered, copied, and exported as a bundle for who helps."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtGui import QHideEvent, QShowEvent

from app.node_model import NodeModel
from app.panels import Panel
from app.picture import Picture

if TYPE_CHECKING:
    from app.journal.board import JournalBoard


class ActivityPanel(Panel):
    """The page around the board, which is made when it is first seen; the node is asked while it can be seen."""

    def __init__(self, model: NodeModel) -> None:
        super().__init__()
        self._model = model
        self.board: JournalBoard | None = None
        model.activity.changed.connect(self._redraw)

    def draw(self, picture: Picture, now: float) -> None:
        if self.board is not None:
            self.board.draw(self._model.activity.sight, picture, now)

    def _redraw(self) -> None:
        if self.isVisible():
            self.draw(self._model.picture, time.time())

    def showEvent(self, event: QShowEvent) -> None:
        if self.board is None:
            from app.journal.board import JournalBoard  # of no use to the start

            self.board = JournalBoard(self._model)
            self.column.addWidget(self.board, 1)
        self._model.activity.watch(wanted=True)
        super().showEvent(event)
        QTimer.singleShot(0, self, self._redraw)

    def hideEvent(self, event: QHideEvent) -> None:
        self._model.activity.watch(wanted=False)
        super().hideEvent(event)
