"""The activity page: empty, typical, filtered, stale, a thousand long entries; asked for only while it is seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.journal.board import JournalBoard
from app.node_model import NodeModel
from app.panels.activity import ActivityPanel
from app.past_model import ActivitySight
from tests.support import samples
from tests.support.pasts import activity
from tests.support.samples import NOW


@pytest.fixture
def panel(qtbot: QtBot, model: NodeModel) -> Iterator[ActivityPanel]:
    made = ActivityPanel(model)
    made.resize(624, 500)
    made.show()
    yield made
    made.close()
    made.deleteLater()


def board_of(panel: ActivityPanel, sight: ActivitySight, *, connected: bool = True) -> JournalBoard:
    panel._model.activity.sight = sight
    panel.draw(samples.picture(samples.ONLINE, connected=connected), NOW)
    QApplication.processEvents()
    assert panel.board is not None
    return panel.board


def test_what_there_is_not_is_said(panel: ActivityPanel) -> None:
    assert "Reading the log" in board_of(panel, ActivitySight())._empty._title.text()
    board = board_of(panel, ActivitySight((), live=True))
    assert "Nothing has happened yet" in board._empty._title.text()
    assert not board.view.isVisible()
    assert not board.copy.isEnabled()


def test_entries_are_listed_filtered_and_told_in_full(panel: ActivityPanel) -> None:
    board = board_of(panel, activity(60))
    assert board.view.isVisible()
    assert len(board._journal.shown) == 60
    board.kind.setCurrentIndex(board.kind.findData("trouble"))
    assert {entry.code for entry in board._journal.shown} == {"service-failed", "coordinator-lost"}
    board.search.setText("no such words")
    assert "Nothing like that" in board._empty._title.text()
    board.search.clear()
    board.kind.setCurrentIndex(0)
    board.view.setCurrentIndex(board._journal.index(1))
    assert board._details.isVisible()
    entry = board.view.entry
    assert entry is not None
    assert (entry.detail or "") in board._details.text()


def test_news_are_announced_and_do_not_jump(panel: ActivityPanel) -> None:
    board = board_of(panel, activity(300))
    board.view.verticalScrollBar().setValue(800)
    board_of(panel, activity(303))
    assert board._newer.isVisible()
    assert board._newer.text() == "3 new entries"
    board._newer.click()
    QApplication.processEvents()
    assert board.view.verticalScrollBar().value() == 0
    assert not board._newer.isVisible()


def test_silence_of_the_node_is_said(panel: ActivityPanel) -> None:
    assert board_of(panel, activity(5, live=False), connected=False)._stale.isVisible()
    assert not board_of(panel, activity(5))._stale.isVisible()


def test_a_thousand_long_entries_fit(panel: ActivityPanel) -> None:
    board = board_of(panel, activity(1000, long=True))
    panel.resize(560, 420)
    QApplication.processEvents()
    assert board.width() <= panel.width()
    assert not panel.grab().isNull()


def test_the_node_is_asked_only_while_somebody_looks(panel: ActivityPanel, monkeypatch: pytest.MonkeyPatch) -> None:
    assert panel._model.activity._wanted
    panel.hide()
    assert not panel._model.activity._wanted
    drawn: list[int] = []
    monkeypatch.setattr(panel, "draw", lambda *_: drawn.append(1))
    panel._model.activity.changed.emit()
    assert drawn == [], "nothing is painted while it is hidden"


def test_without_a_data_directory_there_is_nothing_to_export(panel: ActivityPanel, tmp_path: Path) -> None:
    board = board_of(panel, activity(5))
    assert not board.export.isEnabled()
    board.export_diagnostics()
    assert board.dialog is None
    panel._model.data_dir = tmp_path
    assert board_of(panel, activity(5)).export.isEnabled()
