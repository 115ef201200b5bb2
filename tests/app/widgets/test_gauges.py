"""Gauges: in words, as lines in both directions of reading, with gaps, grey when old; and how they are set out."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.widgets.gauges import Gauge, HistoryLine, Reading, Tiles, parts_of
from app.widgets.theme import colours


def drawn(line: HistoryLine) -> QImage:
    line.resize(200, 40)
    return line.grab().toImage()


def coloured(image: QImage, x: int) -> bool:
    """Whether there is more than the ground line in one column."""
    ground = image.pixelColor(100, 1).name()
    return any(image.pixelColor(x, y).name() != ground for y in range(4, image.height() - 4))


def test_a_gauge_is_one_phrase_for_a_screen_reader(qtbot: QtBot) -> None:
    gauge = Gauge("processor", "Processor")
    qtbot.addWidget(gauge)
    assert gauge.accessibleName() == "Processor"
    gauge.show_reading(Reading("34 %", "12 % by services", hint="Of all cores."))
    assert gauge.accessibleName() == "Processor: 34 %. 12 % by services"
    assert gauge.toolTip() == "Of all cores."
    gauge.show_reading(Reading("↓ 3", spoken="3 received"))
    assert gauge.accessibleName() == "Processor: 3 received"


def test_now_is_at_the_end_of_the_direction_of_reading(qtbot: QtBot) -> None:
    line = HistoryLine()
    qtbot.addWidget(line)
    line.show_lines(((0.3, 0.5), (0.25, 0.8), (0.2, 0.5), (0.1, 0.5), (0.0, 0.9)), (), stale=False)
    image = drawn(line)
    assert coloured(image, 180)
    assert not coloured(image, 20)
    line.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    image = drawn(line)
    assert coloured(image, 20)
    assert not coloured(image, 180)


def test_what_is_old_is_grey_and_the_same_again_is_not_painted_anew(qtbot: QtBot) -> None:
    line = HistoryLine()
    qtbot.addWidget(line)
    points = ((0.09, 1.0), (0.0, 1.0))
    line.show_lines(points, (), stale=False)
    fresh = drawn(line)
    line.show_lines(points, (), stale=True)
    old = drawn(line)
    assert fresh != old
    assert colours().accent_line != colours().muted


def test_a_time_without_looks_is_a_gap() -> None:
    points = ((0.9, 0.1), (0.85, 0.2), (0.3, 0.3), (0.25, 0.4))
    assert parts_of(points, 0.1) == [[(0.9, 0.1), (0.85, 0.2)], [(0.3, 0.3), (0.25, 0.4)]]
    assert parts_of((), 0.1) == []


@pytest.mark.parametrize(("count", "room", "rows"), [(5, 6, 1), (5, 4, 2), (5, 1, 5), (1, 3, 1), (0, 3, 0)])
def test_tiles_fill_rows_evenly(qtbot: QtBot, count: int, room: int, rows: int) -> None:
    tiles, widgets = Tiles(), [QWidget() for _ in range(count)]
    qtbot.addWidget(tiles)
    tiles.resize(tiles.fontMetrics().averageCharWidth() * 26 * room + 5, 400)
    tiles.show()
    tiles.show_widgets(widgets)
    QApplication.processEvents()
    assert len({widget.y() for widget in widgets}) == rows
    assert all(widget.isVisible() for widget in widgets)
    tiles.show_widgets(widgets[1:])
    assert not widgets or not widgets[0].isVisible()
