"""A page can be seen while it is shown in a window that is not minimised."""

from __future__ import annotations

from PySide6.QtWidgets import QApplication, QStackedWidget, QWidget
from pytestqt.qtbot import QtBot

from app.panels.watching import Watching


def test_shown_hidden_minimised_and_brought_back(qtbot: QtBot) -> None:
    stack, page, other = QStackedWidget(), QWidget(), QWidget()
    qtbot.addWidget(stack)
    told: list[bool] = []
    Watching(page, told.append)
    stack.addWidget(page)
    stack.addWidget(other)
    stack.show()
    assert told[-1]
    stack.setCurrentWidget(other)
    assert not told[-1]
    stack.setCurrentWidget(page)
    assert told[-1]
    stack.showMinimized()
    QApplication.processEvents()
    assert not told[-1]
    stack.showNormal()
    QApplication.processEvents()
    assert told[-1]
    stack.hide()
    assert not told[-1]
