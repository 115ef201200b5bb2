"""The week is edited by painting, presets, copying and writing; what cannot be read is said and stays."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QToolButton
from pytestqt.qtbot import QtBot

from app import week as weeks
from app.widgets.schedule_editor import ScheduleEditor
from node.rules.settings import Schedule, Week

WEEK = Schedule().days


@pytest.fixture
def editor(qtbot: QtBot) -> Iterator[ScheduleEditor]:
    made = ScheduleEditor()
    made.show_week(WEEK)
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.close()
    made.deleteLater()


@pytest.fixture
def edited(editor: ScheduleEditor) -> list[Week]:
    heard: list[Week] = []
    editor.edited.connect(heard.append)
    return heard


def choose(button: QToolButton, text: str) -> None:
    next(action for action in button.menu().actions() if action.text() == text).trigger()


def test_painting_tells_the_whole_week(editor: ScheduleEditor, edited: list[Week]) -> None:
    editor.grid.setCurrentIndex(editor.grid.table.index(0, 16))
    editor.grid.clearSelection()
    QTest.keyClick(editor.grid, Qt.Key.Key_Space)
    assert edited == [(((0, 510), (1080, 1440)), *WEEK[1:])]
    assert editor.grid.table.week == WEEK, "it is shown when it is told"


def test_presets_and_copies(editor: ScheduleEditor, edited: list[Week]) -> None:
    choose(editor.presets, "All day, every day")
    assert edited == [weeks.PRESETS["always"]]
    editor.grid.setCurrentIndex(editor.grid.table.index(5, 0))
    assert editor.copying.text() == "Copy Saturday…"
    choose(editor.copying, "To Monday to Friday")
    assert edited[-1] == weeks.PRESETS["always"]
    choose(editor.copying, "To Saturday and Sunday")
    assert len(edited) == 2, "which changes nothing"
    assert len(editor.presets.menu().actions()) == len(weeks.PRESETS)


def test_times_are_written(editor: ScheduleEditor, edited: list[Week]) -> None:
    assert not editor.lines.isVisible()
    editor.as_text.click()
    field = editor.lines.fields[0]
    assert (field.accessibleName(), field.text()) == ("Hours on Monday", "0:00–8:00, 18:00–24:00")
    field.selectAll()
    QTest.keyClicks(field, "9:15-12")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert edited == [(((555, 720),), *WEEK[1:])]
    editor.show_week(edited[0])
    assert field.text() == "9:15–12:00"


def test_what_cannot_be_read_stays_and_is_explained(editor: ScheduleEditor, edited: list[Week]) -> None:
    editor.as_text.click()
    field = editor.lines.fields[6]
    field.setText("22-6")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert edited == []
    assert "“22-6” on Sunday" in editor.lines.trouble.text()
    assert field.accessibleDescription() == editor.lines.trouble.text()
    other = weeks.painted_week(WEEK, range(1), range(48), works=False)
    editor.show_week(other)
    assert field.text() == "22-6", "a change of another day leaves it"
    field.setText("22-24")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert not editor.lines.trouble.isVisible()
    assert edited == [(*other[:6], ((1320, 1440),))]


def test_what_is_wrong_is_said_below_its_line_until_that_is_mended(
    editor: ScheduleEditor, edited: list[Week], qtbot: QtBot
) -> None:
    editor.as_text.click()
    monday, tuesday = editor.lines.fields[:2]
    monday.setText("22:00-6:00")
    QTest.keyClick(monday, Qt.Key.Key_Return)
    trouble = editor.lines.trouble
    qtbot.waitUntil(lambda: monday.geometry().bottom() < trouble.geometry().top(), timeout=30_000)
    qtbot.waitUntil(lambda: trouble.geometry().bottom() < tuesday.geometry().top(), timeout=30_000)
    QTest.keyClick(tuesday, Qt.Key.Key_Return)
    assert trouble.isVisible(), "Monday is still wrong"
    editor.show_week(weeks.painted_week(WEEK, range(1), range(48), works=True))
    assert not trouble.isVisible(), "it was painted anew"
    monday.setText("x")
    QTest.keyClick(monday, Qt.Key.Key_Return)
    assert trouble.isVisible()
    monday.setText("22:00-24:00")
    QTest.keyClick(monday, Qt.Key.Key_Return)
    assert not trouble.isVisible()
    assert monday.accessibleDescription() == ""


def test_the_same_hours_written_otherwise_change_nothing(editor: ScheduleEditor, edited: list[Week]) -> None:
    editor.as_text.click()
    field = editor.lines.fields[0]
    field.setText("18-24,0-8")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert edited == []
    assert field.text() == "0:00–8:00, 18:00–24:00"
