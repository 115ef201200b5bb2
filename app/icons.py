"""Icons out of resources/icons: state pictures in their own colours, glyphs in whatever colour the text has."""

from __future__ import annotations

import functools
from importlib.resources import files

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from app.wording import StateIcon

SIZES = (16, 20, 22, 24, 32, 48, 64, 128)  # pixels; each is drawn anew, so that none is blurred
BUTTON = QSize(20, 16)  # points
DIRECTED = frozenset({"leave"})  # glyphs that point to where reading goes


@functools.cache
def state_icon(name: StateIcon) -> QIcon:
    return _icon(f"state/{name}.svg")


@functools.cache
def program_icon() -> QIcon:
    return _icon("rma-mesh.svg")


def state_pixmap(name: StateIcon, size: int, ratio: float) -> QPixmap:
    """Draw a state picture for a screen with this many pixels to a point; `size` is points."""
    return _draw(_read(f"state/{name}.svg"), size, ratio)


def glyph_pixmap(name: str, colour: QColor, size: int, ratio: float) -> QPixmap:
    """Draw a glyph in one colour; `size` is points."""
    return _draw(_tinted(name, colour), size, ratio)


def glyph_icon(name: str, colour: QColor, disabled: QColor) -> QIcon:
    """Make an icon of one colour that stays as it is when it is selected."""
    icon = QIcon()
    for size in (16, 20, 24, 32, 48):
        drawn = _draw(_tinted(name, colour), size, 1.0)
        icon.addPixmap(drawn)
        icon.addPixmap(drawn, QIcon.Mode.Selected)
        icon.addPixmap(_draw(_tinted(name, disabled), size, 1.0), QIcon.Mode.Disabled)
    return icon


def button_icon(name: str, colour: QColor, disabled: QColor) -> QIcon:
    """Make an icon of BUTTON size with room between it and the text that follows."""
    icon = QIcon()
    room_before = BUTTON.width() - BUTTON.height() if _to_the_left() else 0
    for tint, mode in ((colour, QIcon.Mode.Normal), (disabled, QIcon.Mode.Disabled)):
        for ratio in (1.0, 2.0):
            pixmap = QPixmap(BUTTON * ratio)
            pixmap.fill(Qt.GlobalColor.transparent)
            pixmap.setDevicePixelRatio(ratio)
            painter = QPainter(pixmap)
            painter.drawPixmap(room_before, 0, _draw(_tinted(name, tint), BUTTON.height(), ratio))
            painter.end()
            icon.addPixmap(pixmap, mode)
    return icon


def _icon(path: str) -> QIcon:
    icon, data = QIcon(), _read(path)
    for size in SIZES:
        pixmap = _draw(data, size, 1.0)
        icon.addPixmap(pixmap)
        icon.addPixmap(pixmap, QIcon.Mode.Disabled)  # the tray menu's status line is no button, but has its colours
    return icon


def _tinted(name: str, colour: QColor) -> bytes:
    drawing = _read(f"glyphs/{name}.svg").replace(b"currentColor", colour.name().encode())
    if name not in DIRECTED or not _to_the_left():
        return drawing
    head, _, rest = drawing.partition(b">")
    return head + b'><g transform="matrix(-1 0 0 1 24 0)">' + rest.replace(b"</svg>", b"</g></svg>")


def _to_the_left() -> bool:
    return QGuiApplication.layoutDirection() == Qt.LayoutDirection.RightToLeft


@functools.cache
def _read(path: str) -> bytes:
    return files("resources").joinpath("icons", path).read_bytes()


def _draw(data: bytes, size: int, ratio: float) -> QPixmap:
    pixmap = QPixmap(QSize(size, size) * ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    QSvgRenderer(QByteArray(data)).render(painter, QRectF(pixmap.rect()))
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return pixmap
