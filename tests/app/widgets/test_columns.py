"""Two columns where there is room, one where there is not, in reading order."""

from __future__ import annotations

from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from app.widgets.columns import Columns


def test_columns_follow_the_width(qtbot: QtBot) -> None:
    left, right = QLabel("left"), QLabel("right")
    columns = Columns([left], [right])
    qtbot.addWidget(columns)
    columns.show()
    columns.resize(2000, 300)
    QApplication.processEvents()
    assert left.y() == right.y()
    assert abs(left.width() - right.width()) <= 1
    columns.resize(300, 300)
    QApplication.processEvents()
    assert left.x() == right.x()
    assert left.y() < right.y()
    assert right.width() == 300
