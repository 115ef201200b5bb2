"""Bars of days: as high as they should be, in the direction of reading, and told in words."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QHelpEvent
from PySide6.QtWidgets import QApplication, QToolTip
from pytestqt.qtbot import QtBot

from app.widgets.day_bars import DayBars
from app.widgets.theme import colours

DAYS = [("Monday: 0", 0), ("Tuesday: 5", 5), ("Wednesday: 10", 10)]


def test_the_highest_day_is_as_high_as_there_is_room(qtbot: QtBot) -> None:
    bars = DayBars()
    qtbot.addWidget(bars)
    bars.resize(300, 60)
    assert not bars.grab().toImage().isNull(), "without any day"
    bars.show_days(DAYS)
    assert bars.accessibleName() == "Monday: 0, Tuesday: 5, Wednesday: 10"
    image, full = bars.grab().toImage(), colours().accent_line.name()
    assert [image.pixelColor(50 + 100 * n, 8).name() == full for n in range(3)] == [False, False, True]
    assert [image.pixelColor(50 + 100 * n, 50).name() == full for n in range(3)] == [False, True, True]
    bars.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    image = bars.grab().toImage()
    assert [image.pixelColor(50 + 100 * n, 8).name() == full for n in range(3)] == [True, False, False]


def test_who_points_at_a_bar_is_told_its_day(qtbot: QtBot) -> None:
    bars = DayBars()
    qtbot.addWidget(bars)
    bars.resize(300, 60)
    bars.show_days(DAYS)
    bars.show()
    place = QPoint(150, 30)
    QApplication.sendEvent(bars, QHelpEvent(QEvent.Type.ToolTip, place, bars.mapToGlobal(place)))
    assert QToolTip.text() == "Tuesday: 5"
    QToolTip.hideText()
