"""Icons follow palette and state."""

from __future__ import annotations

from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.widgets.glyphs import Button, Glyph, IconButton, StatePicture
from app.widgets.theme import colours, current_style_sheet
from tests.support.palettes import dark_palette


def image(widget: QWidget) -> QImage:
    return widget.grab().toImage()


def test_a_glyph_changes_with_name_and_tone(qtbot: QtBot) -> None:
    glyph = Glyph("good", 24, "good")
    qtbot.addWidget(glyph)
    first = image(glyph)
    glyph.show_glyph("bad", "good")
    second = image(glyph)
    glyph.show_glyph("bad", "bad")
    assert len({bytes(one.constBits()) for one in (first, second, image(glyph))}) == 3


def test_a_state_picture_has_a_name(qtbot: QtBot) -> None:
    picture = StatePicture(46)
    qtbot.addWidget(picture)
    before = image(picture)
    picture.show_state("paused", "Paused")
    assert picture.accessibleName() == "Paused"
    assert image(picture) != before


def test_buttons_say_what_they_do(qtbot: QtBot) -> None:
    button, small = Button("Restart", "restart"), IconButton("close", "Dismiss this message")
    qtbot.addWidget(button)
    qtbot.addWidget(small)
    assert button.text() == "Restart"
    assert not button.icon().isNull()
    assert small.accessibleName() == small.toolTip() == "Dismiss this message"


def test_everything_follows_a_new_palette(qtbot: QtBot, qapp: QApplication) -> None:
    glyph, button = Glyph("good", 24), Button("Restart", "restart")
    qtbot.addWidget(glyph)
    qtbot.addWidget(button)
    before, light, sheet, icon = qapp.palette(), image(glyph), current_style_sheet(), button.icon().cacheKey()
    try:
        qapp.setPalette(dark_palette())
        qapp.processEvents()
        assert colours().dark
        assert image(glyph) != light
        assert button.icon().cacheKey() != icon
        assert current_style_sheet() != sheet
    finally:
        qapp.setPalette(before)
