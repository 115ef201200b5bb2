"""The colours of the moment, derived once for each palette that the system gives us."""

from __future__ import annotations

from PySide6.QtWidgets import QApplication

from app.appearance import Colours, colours_of, style_sheet

_known: dict[int, Colours] = {}


def colours() -> Colours:
    """Return the colours for the application's palette as it is now."""
    palette = QApplication.palette()
    key = palette.cacheKey()
    if key not in _known:
        _known.clear()
        _known[key] = colours_of(palette)
    return _known[key]


def current_style_sheet() -> str:
    """Return the style for the palette and font as they are now."""
    points = QApplication.font().pointSizeF()
    return style_sheet(colours(), points if points > 0 else 10.0)
