"""A question never blocks, does nothing but what was said, and has the safe answer in focus."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.widgets.question import Question, ask


@pytest.fixture
def acts() -> list[str]:
    return []


@pytest.fixture
def question(acts: list[str], qtbot: QtBot) -> Question:
    parent = QWidget()
    qtbot.addWidget(parent)
    parent.show()
    made = ask(parent, "Leave?", "You need a new invite.", yes="Leave", no="Stay", act=lambda: acts.append("left"))
    made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    made.keep = parent  # type: ignore[attr-defined]
    return made


def test_yes_acts(question: Question, acts: list[str]) -> None:
    question.yes.click()
    assert acts == ["left"]
    assert not question.isVisible()


def test_no_escape_and_enter_do_nothing(question: Question, acts: list[str]) -> None:
    question.no.click()
    question.open()
    QTest.keyClick(question, Qt.Key.Key_Escape)
    assert not question.isVisible()
    question.open()
    QTest.keyClick(question, Qt.Key.Key_Return)
    assert not question.isVisible()
    assert acts == []


def test_enter_presses_the_button_that_has_the_focus(question: Question, acts: list[str]) -> None:
    question.activateWindow()
    question.yes.setFocus()
    QTest.keyClick(question.yes, Qt.Key.Key_Return)
    assert acts == ["left"]


def test_it_says_what_it_asks(question: Question) -> None:
    assert question.accessibleName() == "Leave?"
    assert question.accessibleDescription() == "You need a new invite."
    assert question.focusWidget() is question.no


@pytest.mark.parametrize("text", ["Short.", "A line of a long text about what is lost. " * 20])
def test_a_text_of_any_length_has_the_room_that_it_needs(text: str, qtbot: QtBot) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    font = parent.font()
    font.setPointSizeF(font.pointSizeF() * 2)
    parent.setFont(font)
    parent.show()
    question = ask(parent, "Leave?", text, yes="Leave", no="Stay", act=lambda: None)
    layout = question.layout()
    assert layout is not None
    qtbot.waitUntil(lambda: question.height() == layout.totalHeightForWidth(question.width()), timeout=20_000)
    question.reject()
