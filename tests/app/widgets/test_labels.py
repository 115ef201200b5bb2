"""Texts elide where they do not fit, tell themselves whole, and are never taken for markup."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.widgets.labels import ElidedLabel, Pill, label, set_style_property


def test_what_does_not_fit_is_told_in_a_tooltip(qtbot: QtBot) -> None:
    made = ElidedLabel("a name that is much too long for so little room")
    qtbot.addWidget(made)
    made.resize(80, 20)
    made.show()
    assert made.toolTip() == made.text()
    assert made.accessibleName() == made.text()
    made.resize(2000, 20)
    assert made.toolTip() == ""


def test_it_never_asks_for_the_room_of_its_text(qtbot: QtBot) -> None:
    made = ElidedLabel("x" * 5000)
    qtbot.addWidget(made)
    assert made.minimumSizeHint().width() < 100


def test_its_menu_copies_the_whole_text(qtbot: QtBot) -> None:
    made = ElidedLabel("w-7f3a9c21d4", mode=Qt.TextElideMode.ElideMiddle)
    qtbot.addWidget(made)
    made.actions()[0].trigger()
    assert QApplication.clipboard().text() == "w-7f3a9c21d4"


def test_a_text_with_markup_is_shown_as_it_is(qtbot: QtBot) -> None:
    for made in (label("<b>x</b>"), ElidedLabel("<b>x</b>"), Pill()):
        qtbot.addWidget(made)
        assert made.textFormat() == Qt.TextFormat.PlainText


def test_long_text_wraps_instead_of_widening(qtbot: QtBot) -> None:
    made = label("word " * 200, wrap=True)
    qtbot.addWidget(made)
    assert made.minimumSizeHint().width() < 200
    assert made.heightForWidth(200) > made.heightForWidth(2000)


def test_a_pill_takes_its_tone(qtbot: QtBot) -> None:
    made = Pill()
    qtbot.addWidget(made)
    made.show_state("Running", "good")
    assert (made.text(), made.property("pill")) == ("Running", "good")
    set_style_property(made, "pill", "bad")
    assert made.property("pill") == "bad"
