"""The log as a model: headings cannot be chosen, and everything can be heard."""

from __future__ import annotations

from PySide6.QtCore import Qt
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from app.journal.rows import Wish
from app.journal.table import JournalModel
from tests.support.pasts import activity
from tests.support.samples import NOW


def test_it_keeps_to_qts_rules(qtbot: QtBot, qtmodeltester: ModelTester) -> None:
    model = JournalModel()
    assert model.show(activity(50).entries or (), NOW)
    assert not model.show(activity(50).entries or (), NOW)
    qtmodeltester.check(model)  # type: ignore[no-untyped-call]


def test_rows_are_heard_whole_and_headings_are_no_choice(qtbot: QtBot) -> None:
    model = JournalModel()
    model.show(activity(50).entries or (), NOW)
    heading, first = model.index(0), model.index(1)
    assert model.flags(heading) == Qt.ItemFlag.NoItemFlags
    assert model.flags(first) & Qt.ItemFlag.ItemIsSelectable
    text = model.data(first, Qt.ItemDataRole.AccessibleTextRole)
    assert text.startswith(model.data(heading))
    assert text.count(":") >= 2
    assert model.row_of(50) == 1
    assert model.row_of(51) is None


def test_what_is_wanted_is_shown(qtbot: QtBot) -> None:
    model = JournalModel()
    model.show(activity(50).entries or (), NOW)
    model.want(Wish("rest"))
    assert {entry.code for entry in model.shown} == {"paused", "resumed"}
    model.want(Wish("all", "nobody says this"))
    assert model.shown == ()
    assert model.rowCount() == 0
