"""The list in its hands: nothing moves while one reads, what is chosen stays, and it is copied as text."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.journal.table import JournalModel
from app.journal.view import JournalView
from tests.support.pasts import activity
from tests.support.samples import NOW


@pytest.fixture
def view(qtbot: QtBot) -> Iterator[JournalView]:
    made = JournalView(JournalModel())
    made.resize(500, 300)
    made.show()
    made.show_entries(activity(300).entries or (), NOW)
    QApplication.processEvents()
    yield made
    made.close()
    made.deleteLater()


def first_seen(view: JournalView) -> tuple[int, int]:
    anchor = view._anchor()
    assert anchor is not None
    return anchor


@pytest.mark.parametrize("scrolled", [0, 7, 500, 4000])
@pytest.mark.parametrize("newest", [301, 305, 340])
def test_newer_entries_do_not_move_what_one_reads(view: JournalView, scrolled: int, newest: int) -> None:
    view.verticalScrollBar().setValue(scrolled)
    number, top = first_seen(view)
    view.show_entries(activity(newest, first=newest - 299).entries or (), NOW)
    QApplication.processEvents()
    row = view._journal.row_of(number)
    assert row is not None
    assert view.visualRect(view._journal.index(row)).top() == top
    assert view.unseen == newest - 300
    view.to_newest()
    QApplication.processEvents()
    assert (view.unseen, first_seen(view)[0]) == (0, newest)


def test_what_is_chosen_stays_chosen(view: JournalView) -> None:
    heard: list[object] = []
    view.chosen.connect(heard.append)
    QTest.keyClick(view, Qt.Key.Key_Down)
    QTest.keyClick(view, Qt.Key.Key_Down)
    chosen = view.entry
    assert chosen is not None
    assert heard[-1] == chosen
    count = len(heard)
    view.show_entries(activity(310).entries or (), NOW)
    assert view.entry == chosen
    assert len(heard) == count
    QTest.keyClick(view, Qt.Key.Key_Down)
    assert view.entry is not None
    assert view.entry.number == chosen.number - 1, "the keys go on from there"


def test_what_is_selected_is_copied_and_else_everything(view: JournalView) -> None:
    view.copy()
    assert len(QGuiApplication.clipboard().text().splitlines()) == 300
    QTest.keyClick(view, Qt.Key.Key_Down)
    QTest.keyClick(view, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert len(QGuiApplication.clipboard().text().splitlines()) in (1, 2)
    assert view.accessibleName() == "What happened, the newest first"


def test_a_thousand_long_entries_are_painted_in_both_directions(view: JournalView) -> None:
    view.show_entries(activity(1000, long=True).entries or (), NOW)
    pictures = []
    for direction in (Qt.LayoutDirection.LeftToRight, Qt.LayoutDirection.RightToLeft):
        view.setLayoutDirection(direction)
        pictures.append(view.grab().toImage())
    assert pictures[0] != pictures[1]
