"""On any palette texts can be read: contrast ratios as WCAG 2.2 wants them."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication, QRadioButton, QStyle, QStyleOptionButton
from pytestqt.qtbot import QtBot

from app.appearance import colours_of, contrast, luminance, menu_style_sheet, mix, readable, style_sheet
from tests.support.palettes import dark_palette


def light_palette() -> QPalette:
    return QApplication.style().standardPalette()


def high_contrast() -> QPalette:
    palette = QPalette(QColor("black"))
    for role in (QPalette.ColorRole.Window, QPalette.ColorRole.Base):
        palette.setColor(role, QColor("black"))
    for role in (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.Accent):
        palette.setColor(role, QColor("yellow"))
    return palette


@pytest.mark.parametrize("make", [light_palette, dark_palette, high_contrast])
def test_every_text_can_be_read(make: type) -> None:
    c = colours_of(make())
    for text, ground in (
        (c.text, c.card),
        (c.text, c.window),
        (c.text, c.side),
        (c.muted, c.card),
        (c.on_accent, c.accent),
        *((tone.text, tone.ground) for tone in c.tones.values()),
        *((tone.text, c.card) for tone in c.tones.values()),
    ):
        assert contrast(text, ground) >= 4.4, (text.name(), ground.name())
    assert contrast(c.accent_line, c.card) >= 3.0


def test_dark_and_light_are_told_apart() -> None:
    assert colours_of(dark_palette()).dark
    assert not colours_of(light_palette()).dark


def test_luminance_and_contrast_are_those_of_wcag() -> None:
    assert luminance(QColor("white")) == pytest.approx(1.0)
    assert contrast(QColor("black"), QColor("white")) == pytest.approx(21.0)
    assert contrast(QColor("#777777"), QColor("white")) == pytest.approx(4.48, abs=0.01)


def test_mixing_goes_from_one_to_the_other() -> None:
    black, white = QColor("black"), QColor("white")
    assert mix(black, white, 0.0) == black
    assert mix(black, white, 1.0) == white
    assert mix(black, white, 0.5).red() == pytest.approx(128, abs=1)


def test_what_can_be_read_stays_and_what_cannot_is_changed() -> None:
    white = QColor("white")
    assert readable(QColor("black"), white) == QColor("black")
    assert contrast(readable(QColor("yellow"), white), white) >= 4.5


def test_the_style_is_whole_and_follows_the_font() -> None:
    sheet = style_sheet(colours_of(light_palette()), 20.0)
    assert "34.0pt" in sheet
    assert "{{" not in sheet
    assert menu_style_sheet(colours_of(dark_palette())) in style_sheet(colours_of(dark_palette()), 10.0)


@pytest.mark.parametrize("make", [light_palette, dark_palette])
def test_what_was_chosen_is_seen_while_it_cannot_be_changed(make: type, qtbot: QtBot) -> None:
    c = colours_of(make())
    chosen, other = QRadioButton("One"), QRadioButton("Other")
    for button in (chosen, other):
        qtbot.addWidget(button)
        button.setAutoExclusive(False)
        button.setChecked(button is chosen)
        button.setStyleSheet(style_sheet(c, 10.0))
        button.setEnabled(False)
        button.show()
    assert middle_of_the_ring(chosen).name() == c.muted.name()
    assert contrast(middle_of_the_ring(chosen), middle_of_the_ring(other)) >= 3.0


def middle_of_the_ring(button: QRadioButton) -> QColor:
    option = QStyleOptionButton()
    button.initStyleOption(option)
    ring = button.style().subElementRect(QStyle.SubElement.SE_RadioButtonIndicator, option, button)
    return button.grab().toImage().pixelColor(ring.center())
