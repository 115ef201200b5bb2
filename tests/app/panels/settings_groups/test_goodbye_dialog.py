"""The dialog shows each step and what came of it, cannot be closed half-way, and ends the app."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.goodbye import Goodbye, GoodbyeModel
from app.panels.settings_groups.goodbye_dialog import GoodbyeDialog
from tests.support.settings import nameless


@pytest.fixture
def goodbye(qtbot: QtBot) -> Iterator[GoodbyeModel]:
    made = GoodbyeModel()
    yield made
    made.deleteLater()


@pytest.fixture
def dialog(goodbye: GoodbyeModel, qtbot: QtBot) -> Iterator[GoodbyeDialog]:
    parent = QWidget()
    made = GoodbyeDialog(parent, goodbye)
    made.show()
    qtbot.waitExposed(made)
    yield made
    parent.deleteLater()


@pytest.fixture
def closed(goodbye: GoodbyeModel) -> list[bool]:
    heard: list[bool] = []
    goodbye.closed.connect(lambda: heard.append(True))
    return heard


def test_it_cannot_be_closed_half_way(dialog: GoodbyeDialog, closed: list[bool]) -> None:
    for step in ("leaving", "stopping", "deleting"):
        dialog.draw(Goodbye(step))
        assert not dialog.ending.isVisible()
        QTest.keyClick(dialog, Qt.Key.Key_Escape)
        dialog.close()
        assert dialog.isVisible()
        assert dialog.bar.isVisible()
    assert closed == []
    dialog.draw(Goodbye("done", told=True))
    assert not dialog.bar.isVisible()
    assert nameless(dialog) == []
    QTest.keyClick(dialog.ending, Qt.Key.Key_Space)
    assert closed == [True]


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (Goodbye("done", told=True), "leave the mesh"),
        (Goodbye("done", told=False), "no coordinator could be told"),
        (Goodbye("done", told=None), "was in no mesh"),
        (Goodbye("leaving"), "leave the mesh"),
    ],
)
def test_it_says_whether_a_coordinator_heard_it(dialog: GoodbyeDialog, now: Goodbye, words: str) -> None:
    dialog.draw(now)
    assert words in dialog.lines["leaving"].text


def test_what_stays_is_shown(dialog: GoodbyeDialog) -> None:
    dialog.draw(Goodbye("done", told=True, rest=("The helper stays.", "A file stays.")))
    assert [line.text for line in dialog.rest if line.isVisible()] == ["The helper stays.", "A file stays."]
    assert dialog.title.text() == "Not everything could be deleted"


def test_a_failure_says_why_and_can_be_closed(dialog: GoodbyeDialog, closed: list[bool]) -> None:
    dialog.draw(Goodbye("failed", told=True, trouble="The node runs on."))
    assert dialog.text.text() == "The node runs on."
    assert "Not everything" in dialog.accessibleName()
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert closed == [True]
