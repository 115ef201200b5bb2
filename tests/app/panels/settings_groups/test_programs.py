"""Programs come on the list by name or out of those that run, once each, and are taken off by button or key."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt, QThreadPool
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot
from shiboken6 import isValid

from app.panels.settings_groups import programs as module
from app.panels.settings_groups.programs import ProgramList, RunningDialog
from node.rules.decide import bare_name
from tests.support import samples

Names = tuple[str, ...]


@pytest.fixture
def programs(qtbot: QtBot) -> Iterator[ProgramList]:
    made = ProgramList()
    made.resize(500, 300)
    made.show()
    yield made
    made.close()
    made.deleteLater()


@pytest.fixture
def edited(programs: ProgramList) -> list[Names]:
    heard: list[Names] = []
    programs.edited.connect(heard.append)
    return heard


def test_a_name_is_added_once(programs: ProgramList, edited: list[Names]) -> None:
    programs.show_names(("Blender",))
    assert not programs.adding.isEnabled()
    for text in ("  zoom ", "BLENDER.exe", "   "):
        programs.field.setText(text)
        QTest.keyClick(programs.field, Qt.Key.Key_Return)
        assert programs.field.text() == ""
    programs.field.setText("game.exe")
    programs.adding.click()
    assert edited == [("Blender", "zoom"), ("Blender", "game.exe")]
    assert programs.rows.count() == 1, "it is shown when it is told"


def test_names_are_taken_off(programs: ProgramList, edited: list[Names]) -> None:
    programs.show_names(("one", "two", "three"))
    programs.rows.setCurrentRow(1)
    programs.taking_off.click()
    assert edited == [("one", "three")]
    programs.show_names(edited[0])
    assert programs.rows.currentRow() == 1
    QTest.keyClick(programs.rows, Qt.Key.Key_Delete)
    assert edited[-1] == ("one",)
    programs.show_names(())
    assert programs.empty.isVisible()
    assert not programs.taking_off.isVisible()
    QTest.keyClick(programs.rows, Qt.Key.Key_Delete)
    assert len(edited) == 2


def test_long_and_many_names_keep_to_their_place(programs: ProgramList, edited: list[Names]) -> None:
    names = tuple(f"{samples.LONG}-{number}" for number in range(module.MOST))
    programs.show_names(names)
    assert programs.rows.height() < 300
    assert programs.minimumSizeHint().width() < 400
    programs.add("one more")
    assert edited == []


def test_one_that_runs_is_chosen_from_a_real_list(programs: ProgramList, edited: list[Names], qtbot: QtBot) -> None:
    programs.choosing.click()
    dialog = programs.window().findChild(RunningDialog)
    assert dialog is not None
    ours = bare_name(Path(sys.executable).name)[:6]  # python
    qtbot.waitUntil(lambda: dialog.rows.count() > 0, timeout=60_000)
    assert not dialog.yes.isEnabled()
    QTest.keyClicks(dialog.search, ours)
    shown = [dialog.rows.item(row).text() for row in range(dialog.rows.count())]
    assert shown
    assert all(ours in name for name in shown)
    QTest.keyClick(dialog.search, Qt.Key.Key_Return)
    assert edited == [(shown[0],)]


def test_a_search_for_what_does_not_run_says_so(programs: ProgramList, edited: list[Names]) -> None:
    programs.choosing.click()
    dialog = programs.window().findChild(RunningDialog)
    assert dialog is not None
    dialog.show_programs(("blender", "zoom"))
    dialog.search.setText("nothing of this name")
    assert dialog.says.isVisible()
    assert not dialog.yes.isEnabled()
    dialog.accept()
    assert dialog.isVisible()
    dialog.search.setText("ZOO")
    assert dialog.rows.currentItem().text() == "zoom"
    dialog.no.click()
    assert edited == []


def test_a_dialog_that_is_closed_early_is_not_missed(
    programs: ProgramList, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    looking = module.RunningPrograms()
    monkeypatch.setattr(module, "running_programs", lambda: frozenset({"a", "b.exe", ""}))
    with qtbot.waitSignal(looking.found, timeout=60_000) as told:
        looking.look()
    assert told.args == [("a", "b")]
    looking.deleteLater()


def test_a_look_outlives_the_dialog_that_asked_for_it(
    programs: ProgramList, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slowly() -> frozenset[str]:
        begun.set()
        go_on.wait(60)
        return frozenset({"a"})

    monkeypatch.setattr(module, "running_programs", slowly)
    dialog = RunningDialog(programs)
    looking = dialog._looking
    dialog.open()
    try:
        assert begun.wait(60)
        dialog.reject()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        assert not isValid(dialog)
        assert isValid(looking), "its thread is about to use it"
    finally:
        go_on.set()
        assert QThreadPool.globalInstance().waitForDone(60_000)
