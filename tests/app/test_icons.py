"""The state icons differ in shape, are sharp at every size and stand out from light and dark panels."""

from __future__ import annotations

from importlib.resources import files
from itertools import combinations
from typing import get_args

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QIcon, QImage, QPainter, QPixmap
from pytestqt.qtbot import QtBot

from app import icons
from app.appearance import contrast
from app.application import Application
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


@pytest.mark.parametrize("panel", PANELS)
@pytest.mark.parametrize("size", [16, 22, 32, 64])
def test_pictures_differ_in_black_and_white(qtbot: QtBot, size: int, panel: str) -> None:
    drawn = {state: in_black_and_white(state, size, panel) for state in STATES}
    for one, other in combinations(STATES, 2):
        different = sum(a != b for a, b in zip(drawn[one], drawn[other], strict=True))
        assert different > 0.08 * size * size, (one, other)


def in_black_and_white(state: StateIcon, size: int, panel: str) -> list[bool]:
    """Return for every pixel whether it is nearer to the panel's grey than to the picture's own."""
    shown = QImage(size, size, QImage.Format.Format_RGB32)
    shown.fill(QColor(panel))
    painter = QPainter(shown)
    painter.drawImage(0, 0, image(state, size))
    painter.end()
    greys = [shown.pixelColor(x, y).lightness() for y in range(size) for x in range(size)]
    ground = QColor(panel).lightness()
    return [abs(grey - ground) < 60 for grey in greys]


@pytest.mark.parametrize(
    ("state", "white", "plain"),
    [
        ("paused", [(5, 8), (6, 8), (9, 8), (10, 8)], [(4, 8), (7, 8), (8, 8), (11, 8), (5, 3), (5, 12)]),
        ("degraded", [(6, 7), (6, 8), (9, 7), (9, 8)], [(8, 6), (8, 9), (3, 8), (12, 8)]),
        ("attention", [(7, 7), (8, 7), (7, 8), (8, 8)], [(6, 8), (9, 8), (7, 4), (8, 13), (7, 10)]),
    ],
)
def test_figures_of_the_smallest_size_have_sharp_edges(
    qtbot: QtBot, state: StateIcon, white: list[tuple[int, int]], plain: list[tuple[int, int]]
) -> None:
    """Where a figure ends at 16 pixels a pixel ends, too: none of those at its edges has a colour between."""
    drawn = image(state, 16)
    ground = drawn.pixelColor(*plain[0])
    assert [drawn.pixelColor(*place).name() for place in white] == ["#ffffff"] * len(white)
    assert [drawn.pixelColor(*place) for place in plain] == [ground] * len(plain)
    assert ground.alpha() == 255 and ground.lightness() < 160


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


def test_what_points_somewhere_points_the_other_way_where_reading_does(qapp: Application) -> None:
    def drawn(name: str) -> list[list[bool]]:
        found = icons.glyph_pixmap(name, QColor("black"), 48, 1.0).toImage()
        return [[found.pixelColor(x, y).alpha() > 96 for x in range(48)] for y in range(48)]

    def unlike(one: list[list[bool]], other: list[list[bool]]) -> int:
        return sum(a != b for left, right in zip(one, other, strict=True) for a, b in zip(left, right, strict=True))

    leave, play = drawn("leave"), drawn("play")
    qapp.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    try:
        turned = [row[::-1] for row in leave]
        assert unlike(drawn("leave"), turned) < 20 < unlike(leave, turned)  # edges are rounded to either side
        assert drawn("play") == play
    finally:
        qapp.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
