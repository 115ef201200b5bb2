"""A language in which every translated text is in brackets: what stands outside of them cannot be translated."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass

import msgspec
from PySide6.QtCore import QCoreApplication, QLocale, Qt, QTranslator
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QComboBox,
    QGroupBox,
    QLabel,
    QLineEdit,
    QListView,
    QMenu,
    QPlainTextEdit,
    QWidget,
)

from app import translations

OPEN, CLOSE = "\u27e6", "\u27e7"
SEPARATORS = re.compile(r"[,;:·|()\n\u2013\u2026]|\s-\s|\.(?=\s|$)")
CELLS = 60  # rows of a table that are looked at


class Pseudo(QTranslator):
    """Translates everything, into itself in brackets."""

    def isEmpty(self) -> bool:
        return False

    def translate(self, context: str, source: str, disambiguation: str | None = None, n: int = -1) -> str:
        if context.startswith("Q") and context != "QCoreApplication":
            return source  # Qt's own texts have files of their own
        return f"{OPEN}{source}{CLOSE}"


@contextmanager
def pseudo_language(application: QCoreApplication) -> Iterator[None]:
    """Speak it; numbers and days are as in German, so that nobody takes the reader for one of English."""
    QLocale.setDefault(QLocale("de"))
    translator = Pseudo()
    application.installTranslator(translator)
    try:
        yield
    finally:
        application.removeTranslator(translator)
        translations.install(application, "en")


def outside(text: str) -> list[str]:
    """Return the pieces of a text that are in no brackets, if they have letters."""
    depth, rest = 0, []
    for letter in text:
        depth += (letter == OPEN) - (letter == CLOSE)
        rest.append(letter if depth == 0 and letter != CLOSE else "\0" if letter in (OPEN, CLOSE) else "")
    pieces = (piece.strip() for part in "".join(rest).split("\0") for piece in SEPARATORS.split(part))
    return [piece for piece in pieces if re.search(r"[^\W\d_]{2,}", piece)]


def strings_in(value: object) -> Iterator[str]:
    """Return every text in a value of ours: what people, machines or the node named."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from strings_in(key)
            yield from strings_in(one)
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from strings_in(getattr(value, name))
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from strings_in(getattr(value, field.name))
    elif isinstance(value, Iterable) and not isinstance(value, bytes):
        for one in value:
            yield from strings_in(one)


def shown_texts(top: QWidget) -> Iterator[tuple[QWidget, str]]:
    """Return all that can be read or heard of a widget and of what is in it, as far as it is in sight."""
    for widget in (top, *top.findChildren(QWidget)):
        if widget.isVisible() and not widget.objectName().startswith("qt_"):
            for text in _texts_of(widget):
                if text:
                    yield widget, text


def _texts_of(widget: QWidget) -> Iterator[str]:
    yield from (widget.toolTip(), widget.accessibleName(), widget.accessibleDescription(), widget.statusTip())
    if isinstance(widget, QLabel | QAbstractButton | QLineEdit):
        yield widget.text()
    if isinstance(widget, QLineEdit | QPlainTextEdit):
        yield widget.placeholderText()
    if isinstance(widget, QAbstractSpinBox):
        yield from (getattr(widget, name)() for name in ("prefix", "suffix") if hasattr(widget, name))
    if isinstance(widget, QComboBox):
        yield from (widget.itemText(row) for row in range(widget.count()))
    if isinstance(widget, QGroupBox):
        yield widget.title()
    if isinstance(widget, QMenu):
        yield from (text for action in widget.actions() for text in (action.text(), action.toolTip()))
    if widget.isWindow():
        yield widget.windowTitle()
    if isinstance(widget, QAbstractItemView):
        yield from _cells(widget)


def _cells(view: QAbstractItemView) -> Iterator[str]:
    model = view.model()
    if model is None:
        return
    roles = (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole)
    lists = isinstance(view, QListView)
    for column in range(1 if lists else model.columnCount()):
        yield "" if lists else str(model.headerData(column, Qt.Orientation.Horizontal) or "")
        for row in range(min(model.rowCount(), CELLS)):
            yield from (str(model.index(row, column).data(role) or "") for role in roles)
