"""A rule's row says what is so now; its values tell what was chosen, never what was drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.panels.settings_groups.row import NOTHING, Choice, Facts, Number, RuleRow, Size, Status, status_of
from app.widgets.labels import label
from node.rules.settings import Rules
from tests.support.settings import facts, pixels, resting, untold

GB = 2**30


@pytest.fixture
def row(qtbot: QtBot) -> Iterator[RuleRow]:
    made = RuleRow("Rest on battery", "While it is not plugged in.")
    made.add_field(label("Less than"), Number("Charge", " %", 1, 100, 5))
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.close()
    made.deleteLater()


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (facts(), Status("All is well.", "good")),
        (facts(verdict=resting("metered", "It costs.", "It ends.")), Status("It costs. It ends.", "rest")),
        (facts(verdict=resting("on-battery")), Status("All is well.", "good")),
        (
            facts(verdict=untold("metered", "Nobody knows.")),
            Status("This rule cannot apply on this computer now. Nobody knows.", "warn"),
        ),
        (facts(live=False), NOTHING),
        (facts(Rules(mesh_on=False)), Status("The mesh is switched off, so this is not looked at now.")),
    ],
)
def test_what_is_so_now_is_said(known: Facts, expected: Status) -> None:
    assert status_of(known, "metered", set_=True, otherwise="All is well.") == expected
    assert status_of(known, "metered", set_=False, otherwise="All is well.") == NOTHING


def test_a_click_on_the_sentence_is_a_click_on_the_switch(row: RuleRow) -> None:
    heard: list[bool] = []
    row.switched.connect(heard.append)
    QTest.mouseClick(row.sentence, Qt.MouseButton.LeftButton)
    QTest.mouseClick(row.sentence, Qt.MouseButton.RightButton)
    assert heard == [True]
    row.draw(on=False, usable=False, status=NOTHING)
    QTest.mouseClick(row.sentence, Qt.MouseButton.LeftButton)
    assert heard == [True], "a switch that is not usable is not switched"
    assert row.switch.accessibleName() == "Rest on battery"
    assert row.switch.accessibleDescription() == "While it is not plugged in."


def test_values_are_there_while_the_rule_is_on(row: RuleRow) -> None:
    number = row.findChild(Number)
    assert number is not None
    for on, usable, expected in ((True, True, True), (False, True, False), (True, False, False)):
        row.draw(on=on, usable=usable, status=NOTHING)
        assert number.isEnabled() is expected
        assert row.switch.isEnabled() is usable
    assert not row.status.isVisible()
    row.draw(on=True, usable=True, status=Status("It is so.", "rest"))
    assert row.status.isVisible()
    assert row.status.accessibleName() == "It is so."


def test_numbers_tell_what_was_chosen_only(qtbot: QtBot) -> None:
    number, heard = Number("Minutes", " min", 1, 240), list[int]()
    qtbot.addWidget(number)
    number.chosen.connect(heard.append)
    number.show_value(5)
    assert heard == []
    number.stepUp()
    assert heard == [6]
    number.show_value(5)
    assert number.value() == 5, "a refused change shows the old value"
    number.show_value(999)
    assert (number.value(), heard) == (999, [6]), "what was set elsewhere is shown as it is"


def test_what_is_being_typed_stays_and_counts_when_it_is_finished(qtbot: QtBot) -> None:
    number, heard = Number("Minutes", " min", 1, 240), list[int]()
    qtbot.addWidget(number)
    number.chosen.connect(heard.append)
    number.show_value(5)
    number.selectAll()
    QTest.keyClicks(number, "12")
    number.show_value(5)
    assert number.lineEdit().text() == "12 min"
    assert heard == []
    QTest.keyClick(number, Qt.Key.Key_Return)
    assert heard == [12]


def test_sizes_are_in_units_that_people_know(qtbot: QtBot) -> None:
    size, heard = Size("Memory", " GB", GB, least=0.1, most=100), list[int]()
    qtbot.addWidget(size)
    size.chosen.connect(heard.append)
    size.show_bytes(8 * GB, 32 * GB)
    assert (size.text(), size.maximum(), heard) == ("8.0 GB", 32.0, [])
    size.stepUp()
    assert heard == [8 * GB + GB // 2]
    size.show_bytes(5_000_000_000, 32 * GB)
    assert size.text() == "4.7 GB"
    size.show_bytes(64 * GB, 32 * GB)
    assert size.value() == 64, "more than there is, is shown as it was set"
    size.show_bytes(1000, 0)
    assert size.value() < 0.1
    assert heard == [8 * GB + GB // 2]


def test_choices_tell_the_value_behind_the_words(qtbot: QtBot) -> None:
    choice, heard = Choice("What rests", {"gpu": "The card", "all": "Everything"}), list[str]()
    qtbot.addWidget(choice)
    choice.chosen.connect(heard.append)
    choice.show_value("all")
    assert (choice.currentText(), heard) == ("Everything", [])
    choice.show()
    QTest.keyClick(choice, Qt.Key.Key_Up)
    assert heard == ["gpu"]


@pytest.mark.parametrize("kind", ["number", "size", "choice"])
def test_a_wheel_that_scrolls_the_page_changes_nothing(qtbot: QtBot, kind: str) -> None:
    made: dict[str, Callable[[], QWidget]] = {
        "number": lambda: Number("Minutes", " min", 1, 240),
        "size": lambda: Size("Memory", " GB", GB, least=0.1, most=100),
        "choice": lambda: Choice("What rests", {"gpu": "The card", "all": "Everything"}),
    }
    widget = made[kind]()
    qtbot.addWidget(widget)
    widget.show()
    widget.setFocus()
    before = pixels(widget)
    event = QWheelEvent(
        QPointF(5, 5), QPointF(5, 5), QPoint(0, -120), QPoint(0, -120), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(widget, event)
    assert not event.isAccepted(), "the page gets it"
    assert pixels(widget) == before
