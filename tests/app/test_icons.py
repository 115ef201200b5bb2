"""The state icons differ in shape, are sharp at every size and stand out from light and dark panels."""

from __future__ import annotations

from importlib.resources import files
from itertools import combinations
from typing import get_args

import pytest
from PySide6.QtGui import QColor, QIcon, QImage, QPixmap
from pytestqt.qtbot import QtBot

from app import icons
from app.appearance import contrast
from app.wording import StateIcon

STATES: tuple[StateIcon, ...] = get_args(StateIcon)
PANELS = ("#f6f6f6", "#202020")


def image(state: StateIcon, size: int) -> QImage:
    return icons.state_icon(state).pixmap(size, size).toImage()


def shape(state: StateIcon, size: int) -> list[int]:
    """Return for every pixel whether it is empty, ground or white figure: what remains without colours."""
    drawn = image(state, size)
    pixels = [drawn.pixelColor(x, y) for y in range(size) for x in range(size)]
    return [0 if p.alpha() < 128 else 1 if p.saturation() > 30 or p.lightness() < 180 else 2 for p in pixels]


@pytest.mark.parametrize("size", icons.SIZES)
def test_each_size_is_drawn_for_itself(qtbot: QtBot, size: int) -> None:
    for state in STATES:
        assert image(state, size).width() == size


@pytest.mark.parametrize("size", [16, 32, 64])
def test_shapes_differ_without_colour(qtbot: QtBot, size: int) -> None:
    for one, other in combinations(STATES, 2):
        different = sum(a != b for a, b in zip(shape(one, size), shape(other, size), strict=True))
        assert different > 0.06 * size * size, (one, other)


def test_colours_stand_out_from_light_and_dark_panels(qtbot: QtBot) -> None:
    for state in STATES:
        drawn = image(state, 64)
        pixels = [drawn.pixelColor(x, y) for x in range(64) for y in range(64)]
        solid = [p for p in pixels if p.alpha() == 255 and p != QColor("white")]
        commonest = max(set(map(QColor.name, solid)), key=[p.name() for p in solid].count)
        for panel in PANELS:
            assert contrast(QColor(commonest), QColor(panel)) >= 3.0, (state, panel)


def test_glyphs_take_the_colour_they_are_given(qtbot: QtBot) -> None:
    for file in files("resources").joinpath("icons", "glyphs").iterdir():
        drawn = icons.glyph_pixmap(file.name.removesuffix(".svg"), QColor("#ff0000"), 24, 2.0)
        assert drawn.width() == 48
        colours = {drawn.toImage().pixelColor(x, y).name() for x in range(48) for y in range(48)}
        assert "#ff0000" in colours, file.name


def test_icons_on_buttons_leave_room_and_fade_when_disabled(qtbot: QtBot) -> None:
    icon = icons.button_icon("pause", QColor("#ff0000"), QColor("#0000ff"))
    assert icon.actualSize(icons.BUTTON) == icons.BUTTON
    assert _reddest(icon.pixmap(icons.BUTTON)) == "#ff0000"
    assert _reddest(icon.pixmap(icons.BUTTON, QIcon.Mode.Disabled)) == "#0000ff"


def test_the_program_has_an_icon(qtbot: QtBot) -> None:
    assert not icons.program_icon().isNull()


def _reddest(pixmap: QPixmap) -> str:
    drawn = pixmap.toImage()
    solid = [drawn.pixelColor(x, y) for x in range(drawn.width()) for y in range(drawn.height())]
    return max((p for p in solid if p.alpha() == 255), key=QColor.red).name()
