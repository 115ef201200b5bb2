"""Colours are derived once for each palette."""

from PySide6.QtWidgets import QApplication

from app.widgets.theme import colours, current_style_sheet
from tests.support.palettes import dark_palette


def test_colours_are_kept_until_the_palette_changes(qapp: QApplication) -> None:
    before, first = qapp.palette(), colours()
    assert colours() is first
    try:
        qapp.setPalette(dark_palette())
        assert colours() is not first
        assert colours().dark
    finally:
        qapp.setPalette(before)


def test_the_style_has_the_size_of_the_systems_font(qapp: QApplication) -> None:
    before = qapp.font()
    larger = qapp.font()
    larger.setPointSizeF(20.0)
    try:
        qapp.setFont(larger)
        assert "34.0pt" in current_style_sheet()
    finally:
        qapp.setFont(before)
