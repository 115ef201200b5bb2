"""Lays cards out in two columns where the window is wide, in one where it is narrow."""

from __future__ import annotations

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

WIDE = 50  # average characters that one column needs


class Columns(QWidget):
    """Two lists of widgets, side by side or one below the other, in reading order."""

    def __init__(self, left: list[QWidget], right: list[QWidget]) -> None:
        super().__init__()
        self._left, self._right = left, right
        self._wide: bool | None = None
        self._columns = [QVBoxLayout(), QVBoxLayout()]
        self._line = line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        for column in self._columns:
            column.setSpacing(14)
            line.addLayout(column)
        self._arrange(wide=False)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._arrange(wide=event.size().width() >= 2 * WIDE * self.fontMetrics().averageCharWidth())
        super().resizeEvent(event)

    def _arrange(self, *, wide: bool) -> None:
        if wide == self._wide:
            return
        self._wide = wide
        self._line.setStretch(0, 1)
        self._line.setStretch(1, 1 if wide else 0)
        self._line.setSpacing(14 if wide else 0)
        for column in self._columns:
            for widget in (*self._left, *self._right):
                column.removeWidget(widget)  # not takeAt: its item lives on, and keeps heights from before a change
            while column.count():
                column.takeAt(0)
        first, second = self._columns
        for widget in self._left:
            first.addWidget(widget)
        for widget in self._right:
            (second if wide else first).addWidget(widget)
        first.addStretch(1)
        if wide:
            second.addStretch(1)
