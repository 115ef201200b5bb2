"""Tells whether a page can be seen: it is shown, and its window is not minimised."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QWidget


class Watching(QObject):
    """Calls `changed` with whether the page can be seen, whenever that may have changed."""

    def __init__(self, page: QWidget, changed: Callable[[bool], None]) -> None:
        super().__init__(page)
        self._page = page
        self._changed = changed
        self._window: QWidget | None = None
        page.installEventFilter(self)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind == QEvent.Type.Show and self._window is not self._page.window():
            self._window = self._page.window()
            if self._window is not self._page:
                self._window.installEventFilter(self)
        if kind in (QEvent.Type.Show, QEvent.Type.Hide, QEvent.Type.WindowStateChange):
            self._changed(self._page.isVisible() and not self._page.window().isMinimized())
        return False
