"""Where the keyboard is can be seen: the picture of every kind of control differs clearly once it has the focus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QColor, QImage, QPalette
from PySide6.QtWidgets import QAbstractButton, QScrollArea, QWidget

from app.appearance import contrast
from app.application import Application
from app.topology.table_view import MeshTableView
from app.wizard.join import Working
from tests.support.palettes import dark_palette
from tests.support.scenes import WINDOWS, opened, scenes

SIZE = (940, 680)
CLEAR = 3.0  # contrast ratio of what changes, WCAG 2.2 §2.4.13
LEAST = 20  # pixels that change so much

# Every kind of control that the app has is in one of these.
PLACES = (
    "wizard-3-join", "overview", "services", "services-log", "mesh-details", "routing", "activity-diagnostics",
    "settings", "goodbye-question",
)  # fmt: skip
KINDS = {
    "Button", "Choice", "IconButton", "InviteField", "JournalView", "MeshMap", "MeshTableView", "NameList",
    "Navigation", "Number", "OverviewPanel", "PauseButton", "QCheckBox", "QComboBox", "QLineEdit", "QListWidget",
    "QPlainTextEdit", "QRadioButton", "QScrollArea", "QSlider", "QTableView", "QToolButton", "RequestsTable",
    "Size", "Switch", "WeekGrid", "Working",
}  # fmt: skip


@pytest.fixture(params=["light", "dark"])
def shade(request: pytest.FixtureRequest, qapp: Application) -> Iterator[str]:
    before = QPalette(qapp.palette())
    if request.param == "dark":
        qapp.setPalette(dark_palette())
    yield request.param
    qapp.setPalette(before)


def chain(top: QWidget) -> Iterator[QWidget]:
    """Yield what Tab comes to in a window."""
    one = top.nextInFocusChain()
    while one is not None and one is not top:
        by_tab = bool(one.focusPolicy() & Qt.FocusPolicy.TabFocus) and one.focusProxy() is None
        if by_tab and one.isVisible() and one.isEnabled():
            yield one
        one = one.nextInFocusChain()


def kind(widget: QWidget) -> tuple[str, object, bool | None]:
    checked = widget.isChecked() if isinstance(widget, QAbstractButton) else None
    return type(widget).__name__, widget.property("kind"), checked


def bring_into_sight(widget: QWidget) -> None:
    one = widget.parentWidget()
    while one is not None:
        if isinstance(one, QScrollArea):
            one.ensureWidgetVisible(widget)
        one = one.parentWidget()
    scenes.settle()


def picture_of(widget: QWidget) -> QImage:
    place = QRect(widget.mapTo(widget.window(), QPoint(0, 0)), widget.size())
    return widget.window().grab(place).toImage().convertToFormat(QImage.Format.Format_RGB32)


def clearly_changed(before: QImage, after: QImage) -> int:
    """Return how many pixels have another colour that can be told from the first."""
    pairs = zip(pixels(before), pixels(after), strict=True)
    counts = Counter((old, new) for old, new in pairs if old != new)
    return sum(count for (old, new), count in counts.items() if contrast(QColor(old), QColor(new)) >= CLEAR)


def pixels(image: QImage) -> memoryview:
    return memoryview(bytes(image.constBits())).cast("I")


def places() -> Iterator[QWidget]:
    """Show windows and dialogs in turn, and give each with the keyboard in none of its controls."""
    for scene in (one for one in WINDOWS if one.name in PLACES):
        with opened(scene, SIZE) as window:
            for joining in window.findChildren(Working):
                joining.show_coordinator("https://mesh.example", visible=True)
            dialogs = [one for one in window.findChildren(QWidget) if one.isWindow() and one.isVisible()]
            for top in (window, *dialogs):
                top.activateWindow()
                scenes.settle()
                yield top


def test_every_kind_of_control_shows_that_it_has_the_keyboard(shade: str) -> None:
    seen: set[tuple[str, object, bool | None]] = set()
    dim: list[str] = []
    for top in places():
        for one in chain(top):
            if kind(one) in seen:
                continue
            seen.add(kind(one))
            bring_into_sight(one)
            focused = top.focusWidget()
            if focused is not None:
                focused.clearFocus()
            scenes.settle()
            before = picture_of(one)
            one.setFocus(Qt.FocusReason.TabFocusReason)
            scenes.settle()
            assert one.hasFocus(), kind(one)
            after = picture_of(one)
            found = clearly_changed(before, after) if before.size() == after.size() else 0
            if found < LEAST:
                dim.append(f"{kind(one)}: {found} of {before.size()} {after.size()}")
    assert not dim
    assert {name for name, *_ in seen} >= KINDS, KINDS - {name for name, *_ in seen}


def test_a_control_that_shows_nothing_is_found() -> None:
    same = QImage(8, 8, QImage.Format.Format_RGB32)
    same.fill(QColor("white"))
    faint, framed = QImage(same), QImage(same)
    faint.fill(QColor("#eeeeee"))
    framed.fill(QColor("#1f6fb0"))
    assert [clearly_changed(same, one) for one in (same, faint, framed)] == [0, 0, 64]


def test_the_keyboard_stays_in_the_table_of_the_mesh_when_details_come_beside_it() -> None:
    mesh = next(scene for scene in WINDOWS if scene.name == "mesh")
    with opened(mesh, SIZE) as window:
        window.activateWindow()
        table = window.findChildren(MeshTableView)[0]
        height = table.height()
        table.setFocus(Qt.FocusReason.TabFocusReason)
        scenes.settle()
        assert table.height() < height, "the details came"
        assert table.hasFocus()
