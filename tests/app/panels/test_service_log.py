"""A log in its window: read again and again, searched, copied, and why it cannot be read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.panels.service_log import ServiceLogDialog
from app.vitals_model import VitalsModel
from node.vitals.values import LogTail

LINES = ("loaded 12 rules", "Error: no such file <b>", "ready")


class Reader(VitalsModel):
    """Notes what was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def read_log(self, service: str) -> None:
        self.asked.append(service)


@pytest.fixture
def reader() -> Iterator[Reader]:
    made = Reader()
    yield made
    made.deleteLater()


@pytest.fixture
def dialog(reader: Reader, qtbot: QtBot) -> Iterator[ServiceLogDialog]:
    parent = QWidget()
    qtbot.addWidget(parent)
    parent.show()
    made = ServiceLogDialog(parent, reader, "ner", "Finding facts")
    made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    made.open()
    yield made
    made.close()


def tail(*lines: str, cut: bool = False, name: str = "ner") -> LogTail:
    return LogTail(name=name, path="/data/services/ner/service.log", lines=lines, cut=cut)


def test_it_is_read_at_once_and_again_while_it_is_open(
    dialog: ServiceLogDialog, reader: Reader, qtbot: QtBot
) -> None:
    assert reader.asked == ["ner"]
    dialog._timer.setInterval(1)
    qtbot.waitUntil(lambda: len(reader.asked) > 2, timeout=20_000)
    dialog.close()
    asked = len(reader.asked)
    dialog._tail = tail()
    dialog._read()
    assert len(reader.asked) == asked


def test_lines_are_shown_as_they_are(dialog: ServiceLogDialog, reader: Reader) -> None:
    reader.log_arrived.emit(tail("of another", name="ocr"))
    assert dialog.text.toPlainText() == ""
    reader.log_arrived.emit(tail(*LINES))
    assert dialog.text.toPlainText() == "\n".join(LINES)
    assert dialog.count.text() == "Lines: 3"
    reader.log_arrived.emit(tail(*LINES, cut=True))
    assert dialog.count.text() == "The last lines: 3"
    assert dialog._path.toolTip() or dialog._path.accessibleName() == "/data/services/ner/service.log"


def test_the_search_keeps_lines_in_any_case(dialog: ServiceLogDialog, reader: Reader) -> None:
    reader.log_arrived.emit(tail(*LINES))
    QTest.keyClicks(dialog.search, "ERROR")
    assert dialog.text.toPlainText() == LINES[1]
    assert dialog.count.text() == "Lines that have it: 1 of 3"
    dialog.search.setText("nothing like that")
    assert not dialog.copy.isEnabled()
    dialog.search.clear()
    assert dialog.text.toPlainText() == "\n".join(LINES)


def test_what_is_shown_or_selected_is_copied(dialog: ServiceLogDialog, reader: Reader) -> None:
    reader.log_arrived.emit(tail(*LINES))
    dialog.copy.click()
    assert QGuiApplication.clipboard().text() == "\n".join(LINES)
    cursor = dialog.text.textCursor()
    cursor.setPosition(0)
    cursor.setPosition(len(LINES[0]) + 1 + 5, cursor.MoveMode.KeepAnchor)
    dialog.text.setTextCursor(cursor)
    dialog.copy.click()
    assert QGuiApplication.clipboard().text() == "loaded 12 rules\nError"


def test_new_lines_are_followed_only_by_who_is_at_the_end(dialog: ServiceLogDialog, reader: Reader) -> None:
    many = tuple(f"line {number}" for number in range(500))
    reader.log_arrived.emit(tail(*many))
    bar = dialog.text.verticalScrollBar()
    assert bar.value() == bar.maximum() > 0
    reader.log_arrived.emit(tail(*many, "one more"))
    assert bar.value() == bar.maximum()
    bar.setValue(10)
    reader.log_arrived.emit(tail(*many, "one more", "and more"))
    assert bar.value() == 10


def test_an_empty_log_and_one_that_cannot_be_read(dialog: ServiceLogDialog, reader: Reader) -> None:
    reader.log_arrived.emit(tail())
    assert dialog.count.text() == "Nothing has been written yet."
    reader.log_failed.emit("ocr", "Not ours.")
    reader.log_failed.emit("ner", "It does not answer.")
    assert dialog.count.text() == "It does not answer."


def test_keys_reach_everything_and_escape_closes(dialog: ServiceLogDialog, reader: Reader) -> None:
    reader.log_arrived.emit(tail(*LINES))
    dialog.search.setFocus()
    reached = []
    for _ in range(4):
        reached.append(dialog.focusWidget())
        dialog.focusNextChild()
    assert reached == [dialog.search, dialog.text, dialog.copy, dialog.close_button]
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()
