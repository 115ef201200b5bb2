"""Half hours are painted by dragging and by keyboard, each with a name; the grid shows only what it is told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app import week as weeks
from app.widgets.schedule_grid import COVER, HourRuler, WeekGrid
from node.rules.settings import Schedule
from tests.support.settings import pixels

Painted = tuple[range, range, bool]


@pytest.fixture
def grid(qtbot: QtBot) -> Iterator[WeekGrid]:
    made = WeekGrid()
    made.resize(620, made.sizeHint().height())
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.close()
    made.deleteLater()


@pytest.fixture
def painted(grid: WeekGrid) -> list[Painted]:
    heard: list[Painted] = []
    grid.painted.connect(lambda days, slots, works: heard.append((days, slots, works)))
    return heard


def place(grid: WeekGrid, day: int, slot: int) -> QPoint:
    return grid.visualRect(grid.table.index(day, slot)).center()


def drag(grid: WeekGrid, start: tuple[int, int], end: tuple[int, int]) -> None:
    viewport = grid.viewport()
    QTest.mousePress(viewport, Qt.MouseButton.LeftButton, pos=place(grid, *start))
    QTest.mouseMove(viewport, place(grid, *end))
    QTest.mouseRelease(viewport, Qt.MouseButton.LeftButton, pos=place(grid, *end))


def test_dragging_paints_a_rectangle(grid: WeekGrid, painted: list[Painted]) -> None:
    drag(grid, (2, 30), (0, 20))
    assert painted == [(range(3), range(20, 31), True)], "from a closed half hour on it opens"
    drag(grid, (5, 0), (6, 1))
    assert painted[-1] == (range(5, 7), range(2), False), "from an open one on it closes"
    assert grid.table.shown == Schedule().days, "and only what it is told is shown"


def test_what_is_dragged_over_is_shown_meanwhile(grid: WeekGrid, painted: list[Painted]) -> None:
    QTest.mousePress(grid.viewport(), Qt.MouseButton.LeftButton, pos=place(grid, 0, 20))
    QTest.mouseMove(grid.viewport(), place(grid, 1, 21))
    assert grid.table.index(1, 21).data(COVER) == "open"
    QTest.keyClick(grid, Qt.Key.Key_Escape)
    assert grid.table.index(1, 21).data(COVER) == "closed"
    QTest.mouseRelease(grid.viewport(), Qt.MouseButton.LeftButton, pos=place(grid, 1, 21))
    assert painted == [], "it was called off"


def test_dragging_out_of_the_grid_goes_to_its_edge(grid: WeekGrid, painted: list[Painted]) -> None:
    QTest.mousePress(grid.viewport(), Qt.MouseButton.LeftButton, pos=place(grid, 4, 30))
    outside = grid.viewport().rect().bottomRight() + QPoint(500, 500)
    QTest.mouseRelease(grid.viewport(), Qt.MouseButton.LeftButton, pos=outside)
    assert painted == [(range(4, 7), range(30, 48), True)]


def test_a_single_click_and_another_button(grid: WeekGrid, painted: list[Painted]) -> None:
    QTest.mouseClick(grid.viewport(), Qt.MouseButton.RightButton, pos=place(grid, 0, 20))
    QTest.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, pos=place(grid, 0, 20))
    assert painted == [(range(1), range(20, 21), True)]


def test_everything_is_done_by_keyboard(grid: WeekGrid, painted: list[Painted]) -> None:
    grid.setFocus()
    for _ in range(16):
        QTest.keyClick(grid, Qt.Key.Key_Right)
    QTest.keyClick(grid, Qt.Key.Key_Space)
    assert painted == [(range(1), range(16, 17), True)]
    QTest.keyClick(grid, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    for _ in range(3):
        QTest.keyClick(grid, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClick(grid, Qt.Key.Key_Return)
    assert painted[-1] == (range(2), range(16, 20), True)
    QTest.keyClick(grid, Qt.Key.Key_Home)
    QTest.keyClick(grid, Qt.Key.Key_Space)
    assert painted[-1][2] is False, "what is open is closed"


def test_a_days_name_switches_the_whole_day(grid: WeekGrid, painted: list[Painted]) -> None:
    header = grid.verticalHeader()
    for day in (1, 6):
        middle = QPoint(10, header.sectionViewportPosition(day) + header.sectionSize(day) // 2)
        QTest.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=middle)
    assert painted == [(range(1, 2), range(48), True), (range(6, 7), range(48), False)]


def test_every_half_hour_has_a_name(grid: WeekGrid) -> None:
    role = Qt.ItemDataRole.AccessibleTextRole
    assert grid.table.index(0, 36).data(role) == "Monday 18:00 to 18:30, may work"
    assert grid.table.index(4, 47).data(role) == "Friday 23:30 to 24:00, may work"
    assert grid.table.index(0, 20).data(role) == "Monday 10:00 to 10:30, rests"
    grid.table.show_week(weeks.week_of((((0, 10),), *Schedule().days[1:])))
    assert grid.table.index(0, 0).data(role) == "Monday 0:00 to 0:30, may work for a part of it"


def test_screen_readers_find_a_table_of_named_cells(grid: WeekGrid) -> None:
    interface = QAccessible.queryAccessibleInterface(grid)
    assert interface.text(QAccessible.Text.Name)
    assert "Space" in interface.text(QAccessible.Text.Description)
    names = {interface.child(n).text(QAccessible.Text.Name) for n in range(interface.childCount())}
    assert "Sunday 12:00 to 12:30, may work" in names


@pytest.mark.parametrize("scale", [1.0, 2.0])
@pytest.mark.parametrize("direction", [Qt.LayoutDirection.LeftToRight, Qt.LayoutDirection.RightToLeft])
def test_all_hours_fit_into_any_width(grid: WeekGrid, scale: float, direction: Qt.LayoutDirection) -> None:
    grid.setLayoutDirection(direction)
    font = grid.font()
    font.setPointSizeF(font.pointSizeF() * scale)
    grid.setFont(font)
    for width in (430, 620, 1400):
        grid.resize(width, grid.sizeHint().height())
        QApplication.processEvents()
        rects = [grid.visualRect(grid.table.index(6, slot)) for slot in range(48)]
        assert sum(rect.width() for rect in rects) == grid.viewport().width()
        assert min(rect.width() for rect in rects) >= 4
        assert rects[0].bottom() <= grid.viewport().rect().bottom()
        mirrored = direction is Qt.LayoutDirection.RightToLeft
        assert (rects[0].x() > rects[-1].x()) is mirrored


def test_a_disabled_grid_looks_so_and_takes_nothing(grid: WeekGrid, painted: list[Painted]) -> None:
    before = pixels(grid)
    grid.setEnabled(False)
    assert pixels(grid) != before
    QTest.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, pos=place(grid, 0, 20))
    QTest.keyClick(grid, Qt.Key.Key_Space)
    assert painted == []


def test_the_ruler_is_drawn_in_both_directions(grid: WeekGrid) -> None:
    ruler = HourRuler(grid)
    ruler.resize(620, ruler.sizeHint().height())
    one = pixels(ruler)
    for widget in (ruler, grid):
        widget.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    QApplication.processEvents()
    assert pixels(ruler) != one
    ruler.deleteLater()
