"""What tests of widgets look for: what is said, what is too wide, what a screen reader would say of it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QApplication,
    QLabel,
    QLineEdit,
    QScrollArea,
    QScrollBar,
    QWidget,
)


def texts(widget: QWidget) -> str:
    """Return what labels, buttons and fields in sight say."""
    shown = [one for one in widget.findChildren(QWidget) if one.isVisible()]
    return " | ".join(one.text() for one in shown if isinstance(one, QLabel | QAbstractButton | QLineEdit))


def narrow_enough(page: QScrollArea) -> None:
    """Hold that nothing in a page that scrolls up and down only is cut off at its side."""
    QApplication.processEvents()
    inside = page.widget()
    assert inside is not None
    assert inside.width() <= page.viewport().width(), (inside.width(), page.viewport().width())
    for child in inside.findChildren(QWidget):
        parent = child.parentWidget()
        if child.isVisible() and parent is not None and parent.layout() is not None:
            assert child.geometry().right() <= parent.width(), (child, child.geometry())


def reachable(widget: QWidget) -> list[QWidget]:
    """Return what Tab comes to below a widget, in order."""
    kinds = (QAbstractButton, QLineEdit, QAbstractSlider)
    found: list[QWidget] = []
    one = widget.nextInFocusChain()
    while one is not None and one is not widget and len(found) < 500:
        by_tab = bool(one.focusPolicy() & Qt.FocusPolicy.TabFocus) and not isinstance(one, QScrollBar)
        if widget.isAncestorOf(one) and isinstance(one, kinds) and by_tab and one.isVisible() and one.isEnabled():
            found.append(one)
        one = one.nextInFocusChain()
    return found


def spoken(widget: QWidget) -> str:
    """Return what a screen reader calls a control."""
    text = widget.text() if isinstance(widget, QAbstractButton) else ""
    return widget.accessibleName() or text
