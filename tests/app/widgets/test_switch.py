"""A switch is a check box for keyboard and screen readers, and shows on and off by more than colour."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.widgets.switch import Switch
from tests.support.settings import pixels


@pytest.fixture
def switch(qtbot: QtBot) -> Iterator[Switch]:
    made = Switch("Rest on battery")
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.close()
    made.deleteLater()


def test_it_is_switched_by_mouse_and_keyboard(switch: Switch) -> None:
    heard: list[bool] = []

    def hear(on: bool) -> None:
        heard.append(on)

    switch.clicked.connect(hear)
    QTest.mouseClick(switch, Qt.MouseButton.LeftButton, pos=QPoint(switch.width() - 2, 3))
    QTest.keyClick(switch, Qt.Key.Key_Space)
    assert heard == [True, False]
    switch.setChecked(True)
    assert heard == [True, False], "what is drawn was not clicked"


def test_who_lets_go_elsewhere_has_not_switched(switch: Switch) -> None:
    QTest.mousePress(switch, Qt.MouseButton.LeftButton)
    QTest.mouseRelease(switch, Qt.MouseButton.LeftButton, pos=QPoint(400, 400))
    assert not switch.isChecked()


def test_screen_readers_find_a_check_box_with_a_name(switch: Switch) -> None:
    interface = QAccessible.queryAccessibleInterface(switch)
    assert interface.role() == QAccessible.Role.CheckBox
    assert interface.text(QAccessible.Text.Name) == "Rest on battery"


def test_on_and_off_are_told_by_place(switch: Switch) -> None:
    pictures = set()
    for on in (True, False):
        for direction in (Qt.LayoutDirection.LeftToRight, Qt.LayoutDirection.RightToLeft):
            for enabled in (True, False):
                switch.setChecked(on)
                switch.setLayoutDirection(direction)
                switch.setEnabled(enabled)
                pictures.add(pixels(switch))
    assert len(pictures) == 8


def test_it_grows_with_the_text(switch: Switch) -> None:
    before, font = switch.sizeHint(), switch.font()
    font.setPointSizeF(font.pointSizeF() * 3)
    switch.setFont(font)
    assert switch.sizeHint().height() > before.height() * 1.8
