"""The whole app by keyboard, for screen readers, from right to left, and with text twice as large."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QAccessibleInterface
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QScrollArea,
    QWidget,
)

from app import translations
from app.application import Application
from app.widgets.labels import ElidedLabel
from tests.support.scenes import WINDOWS, opened
from tests.support.widgets import spoken

SMALL = (800, 600)
LEAST = 0.92  # of the height that a text asks for; the rest is the gap to a line that is not there
KINDS = (QAbstractButton, QLineEdit, QAbstractSpinBox, QComboBox, QAbstractItemView, QPlainTextEdit)


@pytest.fixture
def german_from_the_right(qapp: Application) -> Iterator[None]:
    """The longest words that we have, in the direction that nothing was drawn for."""
    translations.install(qapp, "de")
    qapp.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    yield
    translations.install(qapp, "en")


@pytest.fixture
def twice_the_size(qapp: Application) -> Iterator[None]:
    before, large = QApplication.font(), QApplication.font()
    large.setPointSizeF(before.pointSizeF() * 2)
    qapp.setFont(large)
    yield
    qapp.setFont(before)


def seen(top: QWidget) -> Iterator[QWidget]:
    for one in top.findChildren(QWidget):
        if one.isVisible() and not one.objectName().startswith("qt_"):
            yield one


def controls(top: QWidget) -> Iterator[QWidget]:
    """Return what can be used, of ours: not what a spin box or a combo box is made of."""
    for one in seen(top):
        inner = isinstance(one.parentWidget(), QAbstractSpinBox | QComboBox)
        if isinstance(one, KINDS) and one.isEnabled() and not inner and not isinstance(one, QHeaderView):
            yield one


def where(widget: QWidget) -> str:
    text = widget.text() if isinstance(widget, QLabel | QAbstractButton) else widget.accessibleName()
    return f"{type(widget.parentWidget()).__name__}/{type(widget).__name__} {text!r} {widget.geometry()}"


def chain(window: QWidget) -> list[QWidget]:
    """Return what Tab comes to in a window, in order."""
    found: list[QWidget] = []
    one = window.nextInFocusChain()
    while one is not None and one is not window and len(found) < 2000:
        if one.isVisible() and one.isEnabled() and one.focusPolicy() & Qt.FocusPolicy.TabFocus:
            found.append(one.focusProxy() or one)
        one = one.nextInFocusChain()
    return found


def clipped(top: QWidget) -> list[str]:
    """Return labels and buttons whose text has less room than it needs."""
    found = []
    for one in seen(top):
        if isinstance(one, ElidedLabel):
            continue  # it ends in dots, and has all of it in its tooltip
        if isinstance(one, QLabel) and one.toolTip() and one.text() in html.unescape(one.toolTip()):
            continue
        if isinstance(one, QLabel) and one.text():
            needed = one.heightForWidth(one.width()) if one.wordWrap() else one.sizeHint().height()
            wide = 0 if one.wordWrap() else one.sizeHint().width()
            if one.height() < LEAST * needed or one.width() < wide - 1:
                found.append(f"{where(one)} needs {wide} x {needed}")
        elif isinstance(one, QAbstractButton) and one.text():
            hint = one.sizeHint()
            if one.width() < hint.width() - 1 or one.height() < hint.height() - 1:
                found.append(f"{where(one)} needs {hint}")
    return found


def too_wide(top: QWidget) -> list[str]:
    """Return pages of which a part is out of sight at the side."""
    found = []
    for page in top.findChildren(QScrollArea):
        inside = page.widget()
        if page.isVisible() and inside is not None and inside.width() > page.viewport().width():
            found.append(f"{where(page)}: {inside.width()} in {page.viewport().width()}")
    return found


@pytest.mark.parametrize("scene", WINDOWS, ids=lambda scene: scene.name)
@pytest.mark.usefixtures("german_from_the_right")
def test_all_can_be_read_heard_and_reached(scene: Any) -> None:
    with opened(scene, SMALL) as window:
        tops = [window, *(one for one in window.findChildren(QWidget) if one.isWindow() and one.isVisible())]
        for top in tops:
            mine = [one for one in controls(top) if one.window() is top]
            assert not [where(one) for one in mine if not spoken(one)], "no name"
            order = chain(top)
            assert not [where(one) for one in mine if one not in order], "Tab does not come to it"
        assert not clipped(window)
        assert not too_wide(window)


@pytest.mark.parametrize("scene", WINDOWS, ids=lambda scene: scene.name)
@pytest.mark.usefixtures("twice_the_size")
def test_text_of_twice_the_size_is_whole(scene: Any) -> None:
    with opened(scene, SMALL) as window:
        assert not clipped(window)
        assert not too_wide(window)


def test_the_search_finds_what_is_cut() -> None:
    top = QWidget()
    label = QLabel("Much more than there is room for", top)
    label.setFixedSize(20, 10)
    top.show()
    assert len(clipped(top)) == 1
    top.close()


def test_a_screen_reader_is_told_names_and_roles_of_the_window() -> None:
    overview = next(scene for scene in WINDOWS if scene.name == "overview")
    with opened(overview, SMALL) as window:
        told = list(interfaces(QAccessible.queryAccessibleInterface(window)))
        assert told[0].text(QAccessible.Text.Name) == "RMA Mesh"
        roles = {one.role() for one in told}
        wanted = {
            QAccessible.Role.Button,
            QAccessible.Role.List,
            QAccessible.Role.ListItem,
            QAccessible.Role.StaticText,
        }
        assert wanted <= roles, wanted - roles
        focusable = [one for one in told if one.state().focusable and not one.state().invisible]
        assert len(focusable) > 3
        assert not [one.role() for one in focusable if not one.text(QAccessible.Text.Name)]


def interfaces(top: QAccessibleInterface) -> Iterator[QAccessibleInterface]:
    yield top
    for place in range(top.childCount()):
        child = top.child(place)
        if child is not None:
            yield from interfaces(child)
