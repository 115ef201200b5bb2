"""A choice is clicked at its box or its words, has a name, and wraps."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QCheckBox
from pytestqt.qtbot import QtBot

from app.wizard.choice import Choice
from tests.support.samples import LONG


def test_words_and_box_do_the_same(qtbot: QtBot) -> None:
    choice = Choice(QCheckBox(), "Rest on battery", "Why")
    qtbot.addWidget(choice)
    choice.resize(300, 40)
    choice.show()
    QTest.mouseClick(choice, Qt.MouseButton.LeftButton, pos=choice.rect().center())
    assert choice.button.isChecked()
    QTest.mouseClick(choice.button, Qt.MouseButton.LeftButton)
    assert not choice.button.isChecked()
    QTest.mouseClick(choice, Qt.MouseButton.RightButton, pos=choice.rect().center())
    assert not choice.button.isChecked()
    assert choice.text == choice.button.accessibleName() == "Rest on battery"
    assert choice.button.accessibleDescription() == choice.toolTip() == "Why"


def test_long_words_need_more_lines_and_not_more_room_beside(qtbot: QtBot) -> None:
    choice = Choice(QCheckBox(), f"{LONG} " * 4)
    qtbot.addWidget(choice)
    choice.resize(300, 40)
    choice.show()
    QApplication.processEvents()
    assert choice.minimumSizeHint().width() < 300
    assert choice.heightForWidth(300) > choice.heightForWidth(3000)
