"""The dialog of a bundle: progress, what is inside, what is left out, saving, refusal, and calling it off."""

from __future__ import annotations

import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.diagnostics.dialog import DiagnosticsDialog
from app.diagnostics.job import BundleJob
from node.diagnostics.bundle import BundleFile
from tests.support.samples import NOW
from tests.support.waiting import eventually

FILES = (
    BundleFile("status.json", "What the node does", '{"phase": "online"}\n'),
    BundleFile("node.log", "What the node has logged last", "12:00:00 info node: ready\n" * 50),
)
Report = Callable[[int, int, str], None]


def collected(progress: Report, _cancelled: Callable[[], bool]) -> tuple[BundleFile, ...]:
    progress(1, 2, "half")
    return FILES


class Room:
    """A window, and dialogs over it."""

    def __init__(self, folder: Path) -> None:
        self.window = QWidget()
        self.window.resize(800, 600)
        self.window.show()
        self.where = str(folder / "out.zip")
        self.asked: list[str] = []

    def choose(self, _parent: QWidget, name: str) -> str:
        self.asked.append(name)
        return self.where

    def dialog(self, collect: Callable[..., tuple[BundleFile, ...]] = collected) -> DiagnosticsDialog:
        made = DiagnosticsDialog(self.window, BundleJob(collect), self.choose, lambda: NOW)
        made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, on=False)
        made.start()
        return made


@pytest.fixture
def room(qtbot: QtBot, tmp_path: Path) -> Iterator[Room]:
    made = Room(tmp_path)
    yield made
    made.window.close()
    made.window.deleteLater()


async def test_what_is_inside_is_shown_before_it_is_saved(room: Room, tmp_path: Path, qtbot: QtBot) -> None:
    dialog = room.dialog()
    assert dialog.bar.isVisible()
    assert not dialog.save.isEnabled()
    await ready(dialog)
    assert [dialog.list.item(row).text() for row in range(2)] == ["status.json (20 bytes)", "node.log (1.3 kB)"]
    assert "online" in dialog.text.toPlainText()
    dialog.list.setCurrentRow(1)
    assert "info node: ready" in dialog.text.toPlainText()
    assert dialog.about.text() == "What the node has logged last."
    assert "2 of 2 files are chosen" in dialog.summary.text()
    dialog.list.item(1).setCheckState(Qt.CheckState.Unchecked)
    assert "1 of 2 files are chosen" in dialog.summary.text()
    dialog.save.click()
    assert dialog.saved == tmp_path / "out.zip"
    assert room.asked[0].endswith("rma-mesh-diagnostics-2026-05-28.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        names = [name.partition("/")[2] for name in archive.namelist()]
    assert names == ["WHAT IS INSIDE.txt", "status.json"]
    dialog.deleteLater()


async def test_logs_of_services_go_in_only_by_a_persons_own_choice(room: Room) -> None:
    files = (FILES[0], BundleFile("services/notes-coa.log", "What a service wrote", "a letter for Jane Doe"))
    dialog = room.dialog(lambda _progress, _cancelled: files)
    await ready(dialog)
    assert dialog.chosen == files[:1]
    dialog.list.item(1).setCheckState(Qt.CheckState.Checked)
    assert dialog.chosen == files
    dialog.reject()
    dialog.deleteLater()


async def test_nothing_is_written_unless_a_place_is_named_and_a_bad_one_is_told(room: Room, tmp_path: Path) -> None:
    dialog = room.dialog()
    await ready(dialog)
    room.where = ""
    dialog.save.click()
    assert dialog.isVisible()
    assert list(tmp_path.iterdir()) == []
    room.where = str(tmp_path / "no" / "x.zip")
    dialog.save.click()
    assert dialog.banner.isVisible()
    assert "could not be written" in dialog.banner.accessibleName()
    for row in range(2):
        dialog.list.item(row).setCheckState(Qt.CheckState.Unchecked)
    assert not dialog.save.isEnabled()
    dialog.reject()
    dialog.deleteLater()


async def test_escape_calls_it_off(room: Room) -> None:
    began, called_off = threading.Event(), threading.Event()

    def slow(_progress: Report, cancelled: Callable[[], bool]) -> tuple[BundleFile, ...]:
        began.set()
        while not cancelled():
            threading.Event().wait(0.01)
        called_off.set()
        return FILES

    dialog = room.dialog(slow)
    await eventually(began.is_set, "collecting")
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    await eventually(called_off.is_set, "the end of it")
    await eventually(lambda: not len(dialog._job._tasks), "silence")
    assert dialog.list.count() == 0
    dialog.deleteLater()


async def test_what_goes_wrong_is_said(room: Room) -> None:
    def broken(_progress: Report, _cancelled: Callable[[], bool]) -> tuple[BundleFile, ...]:
        raise OSError("The disk is full.")

    dialog = room.dialog(broken)
    await eventually(dialog.banner.isVisible, "a word about it")
    assert "The disk is full." in dialog.banner.accessibleName()
    dialog.reject()
    dialog.deleteLater()


async def ready(dialog: DiagnosticsDialog) -> None:
    await eventually(lambda: dialog.list.count() == 2, "the files")
