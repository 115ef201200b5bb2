"""A box or a round button whose text wraps: long names and large letters need more than a line."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QWidget

from app.widgets.labels import label
from app.widgets.tips import tip


class Choice(QWidget):
    """The button, and beside it the words, which may be clicked as well."""

    def __init__(self, button: QAbstractButton, text: str, about: str = "") -> None:
        super().__init__()
        self.button = button
        self._words = label(text, wrap=True)
        button.setAccessibleName(text)
        button.setAccessibleDescription(about)
        self.setToolTip(tip(about))
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(6)
        line.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        line.addWidget(self._words, 1)
        self.setFocusProxy(button)

    @property
    def text(self) -> str:
        return self._words.text()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.button.click()
            self.button.setFocus(Qt.FocusReason.MouseFocusReason)
        else:
            super().mouseReleaseEvent(event)
