"""The window shows the right page for each state, draws only while it is seen, and asks before it quits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app import translations
from app.application import Application
from app.diagnostics.dialog import DiagnosticsDialog
from app.main_window import MainWindow, Navigation, first_size
from app.node_model import NodeModel
from app.picture import NodeLife, Notice, Picture
from app.widgets.glyphs import IconButton
from app.widgets.question import Question
from app.wizard.wizard import Wizard
from tests.support import samples
from tests.support.palettes import dark_palette
from tests.support.samples import NOW, picture
from tests.support.waiting import eventually

LINK = "rma-mesh://enroll?coordinator=https%3A%2F%2Fmesh.example&invite=RMA-X"


@pytest.fixture
def window(model: NodeModel, qtbot: QtBot) -> Iterator[MainWindow]:
    made = MainWindow(model)
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.prepare_to_quit()
    made.close()
    made.deleteLater()


def show(model: NodeModel, shown: Picture) -> None:
    model.picture = shown
    model.changed.emit(shown)


def page(window: MainWindow) -> str:
    current = window._stack.currentWidget()
    assert current is not None
    return type(current).__name__


def texts(widget: QWidget) -> str:
    return " | ".join(
        child.text()
        for child in widget.findChildren(QWidget)
        if child.isVisible() and hasattr(child, "text") and callable(child.text)
    )


def button(widget: QWidget, text: str) -> QPushButton:
    return next(b for b in widget.findChildren(QPushButton) if b.text() == text)


def answer(window: MainWindow, text: str) -> None:
    box = next(box for box in window.findChildren(Question) if box.isVisible())
    button(box, text).click()


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (Picture(), "StartingPage"),
        (picture(samples.UNENROLLED), "Wizard"),
        (picture(samples.ONLINE), "OverviewPanel"),
        (picture(samples.ONLINE, connected=False), "OverviewPanel"),
    ],
)
def test_each_state_has_its_page(window: MainWindow, model: NodeModel, shown: Picture, expected: str) -> None:
    show(model, shown)
    assert page(window) == expected


def test_the_header_says_the_state_and_offers_what_is_possible(window: MainWindow, model: NodeModel) -> None:
    show(model, picture(samples.ONLINE))
    assert "Online | Helping with 2 services." in texts(window)
    assert window._header._pause.isVisible()
    show(model, picture(samples.PAUSED))
    assert not window._header._pause.isVisible()
    assert window._header._resume.isVisible()
    show(model, picture(samples.UNENROLLED))
    assert not window._header._pause.isVisible()
    assert not window._header._resume.isVisible()


def test_panels_are_reached_by_keyboard(window: MainWindow, model: NodeModel, qtbot: QtBot) -> None:
    show(model, picture(samples.ONLINE))
    for key, expected in (
        (Qt.Key.Key_2, "ServicesPanel"),
        (Qt.Key.Key_3, "MeshPanel"),
        (Qt.Key.Key_4, "RoutingPanel"),
        (Qt.Key.Key_1, "OverviewPanel"),
    ):
        next(a for a in window.actions() if a.shortcut().toString() == f"Ctrl+{chr(key)}").trigger()
        assert page(window) == expected
    QTest.keyClick(window._navigation, Qt.Key.Key_Down)
    assert page(window) == "ServicesPanel"


def test_the_chosen_panel_is_framed_for_who_uses_the_keyboard_only(window: MainWindow) -> None:
    navigation = window._navigation
    navigation.setFocus(Qt.FocusReason.MouseFocusReason)
    assert not navigation.property("framed")
    QTest.keyClick(navigation, Qt.Key.Key_Down)
    assert navigation.property("framed")
    navigation.clearFocus()
    navigation.setFocus(Qt.FocusReason.TabFocusReason)
    assert navigation.property("framed")


def test_the_keys_of_panels_are_told_to_eyes_and_to_screen_readers(
    window: MainWindow, qapp: Application, qtbot: QtBot
) -> None:
    settings = window._navigation.item(5)
    assert settings.toolTip() == "Settings (Ctrl+6)"
    assert settings.data(Qt.ItemDataRole.AccessibleDescriptionRole) == "Ctrl+6"
    translations.install(qapp, "de")
    try:
        german = Navigation([("overview", "Übersicht")])
        qtbot.addWidget(german)
        assert german.item(0).toolTip() == "Übersicht (Strg+1)"
    finally:
        translations.install(qapp, "en")


def test_a_hidden_window_draws_nothing_until_it_is_shown(window: MainWindow, model: NodeModel) -> None:
    show(model, picture(samples.UNENROLLED))
    window.hide()
    show(model, picture(samples.ONLINE))
    assert page(window) == "Wizard"
    window.show()
    assert page(window) == "OverviewPanel"


def test_the_quit_shortcut_asks_to_quit(window: MainWindow, qtbot: QtBot) -> None:
    with qtbot.waitSignal(window.quit_wanted):
        next(a for a in window.actions() if a.shortcut().toString() == "Ctrl+Q").trigger()


def test_no_stray_key_pauses_the_machine(window: MainWindow, model: NodeModel) -> None:
    show(model, picture(samples.ONLINE))
    assert window.focusWidget() is window._navigation
    show(model, picture(samples.UNENROLLED))
    assert window.focusWidget() is window._enrolment.next


def test_trouble_is_told_with_a_way_to_try_again(window: MainWindow, model: NodeModel, qtbot: QtBot) -> None:
    life = NodeLife("blocked", trouble="Port 8000 on 127.0.0.1 is in use.", retry_at=NOW)
    show(model, Picture(life=life))
    assert "Port 8000" in texts(window)
    with qtbot.waitSignal(window.try_again_wanted):
        window._starting._try_again.click()
    show(model, picture(samples.ONLINE, connected=False, life=life))
    assert page(window) == "OverviewPanel"
    assert "Port 8000" in texts(window._trouble)
    with qtbot.waitSignal(window.try_again_wanted):
        window._try_again.click()
    show(model, picture(samples.ONLINE))
    assert not window._trouble.isVisible()


async def test_diagnostics_of_a_node_that_never_ran_can_be_saved(
    window: MainWindow, model: NodeModel, tmp_path: Path
) -> None:
    model.data_dir = tmp_path
    show(model, Picture())
    offered = window._starting._diagnostics
    assert not offered.isVisible(), "nothing is wrong yet"
    show(model, Picture(life=NodeLife("blocked", trouble="Port 8000 on 127.0.0.1 is in use.", retry_at=NOW)))
    assert offered.isVisible()
    offered.click()
    (dialog,) = window.findChildren(DiagnosticsDialog)
    await eventually(lambda: bool(dialog.chosen), "the bundle is there")
    seen = next(file for file in dialog.chosen if file.name == "window.json")
    assert "Port 8000 on 127.0.0.1 is in use." in seen.text
    dialog.close()


def test_a_notice_is_shown_and_can_be_dismissed(window: MainWindow, model: NodeModel, qtbot: QtBot) -> None:
    show(model, picture(samples.ONLINE, notices=(Notice("pause", "Pausing did not work", "No.", "Try again."),)))
    assert "Pausing did not work | No. Try again." in texts(window._notice)
    with qtbot.waitSignal(window._notice.closed) as heard:
        window._notice.findChildren(IconButton)[0].click()
    assert heard.args == ["pause"]
    assert model.picture.notices == ()


def test_a_link_is_filled_in_but_not_sent(window: MainWindow, model: NodeModel) -> None:
    window.offer_link(LINK)
    show(model, picture(samples.UNENROLLED))
    assert window._enrolment.join.invite.invite.text() == LINK
    assert model.picture.pending == frozenset()


def test_a_link_for_a_machine_that_is_in_a_mesh_is_explained(window: MainWindow, model: NodeModel) -> None:
    show(model, picture(samples.ONLINE))
    window.offer_link(LINK)
    notice = model.picture.notice_about("link")
    assert notice is not None
    assert "in a mesh already" in notice.title


def test_with_a_tray_closing_hides(window: MainWindow, qtbot: QtBot) -> None:
    window.set_has_tray(True)
    with qtbot.assertNotEmitted(window.quit_wanted):
        assert window.close()
    assert not window.isVisible()


def test_without_a_tray_closing_asks_first(window: MainWindow, qtbot: QtBot) -> None:
    assert not window.close()
    with qtbot.assertNotEmitted(window.quit_wanted):
        answer(window, "Keep open")
    window.close()
    with qtbot.waitSignal(window.quit_wanted):
        answer(window, "Quit")


def test_it_looks_right_after_a_change_of_palette(window: MainWindow, model: NodeModel, qapp: QApplication) -> None:
    show(model, picture(samples.ONLINE))
    before, sheet = qapp.palette(), window.styleSheet()
    try:
        qapp.setPalette(dark_palette())
        qapp.processEvents()
        assert window.styleSheet() != sheet
        assert window.grab().toImage().pixelColor(5, 5).lightness() < 100
    finally:
        qapp.setPalette(before)


@pytest.mark.parametrize("state", [samples.ONLINE, samples.LONG_NAMES, samples.DEGRADED, samples.UNENROLLED])
@pytest.mark.parametrize("panel", ["overview", "services", "mesh", "routing"])
def test_nothing_is_wider_than_a_small_window(
    window: MainWindow, model: NodeModel, state: object, panel: str
) -> None:
    window.resize(800, 600)
    window.open_panel(panel)
    show(model, picture(state, view=samples.view(state, stats=samples.STATS, peers=samples.PEERS)))  # type: ignore[arg-type]
    QApplication.processEvents()
    assert (window.width(), window.height()) == (800, 600)
    current = window._stack.currentWidget()
    assert current is not None
    current = current.about if isinstance(current, Wizard) else current
    inside = current.widget()  # type: ignore[attr-defined]
    assert inside.width() <= current.viewport().width()  # type: ignore[attr-defined]
    for child in inside.findChildren(QWidget):
        if child.isVisible() and child.parentWidget() is not None and child.parentWidget().layout() is not None:
            assert child.geometry().right() <= child.parentWidget().width(), (child, child.geometry())


def test_everything_that_can_be_pressed_has_a_name(window: MainWindow, model: NodeModel) -> None:
    for panel in ("overview", "services", "mesh", "routing"):
        window.open_panel(panel)
        show(model, samples.TYPICAL)
        for pressed in window.findChildren(QPushButton):
            assert pressed.text() or pressed.accessibleName(), pressed


def test_the_pause_button_and_its_arrow_pause(
    window: MainWindow, model: NodeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[str, object]] = []
    monkeypatch.setattr(model, "_intend", lambda about, path, body=None, wait=10.0: sent.append((path, body)))
    show(model, picture(samples.ONLINE))
    window._header._pause.click()
    for action in window._header._pause.menu().actions():
        action.trigger()
    assert sent == [
        ("/pause", None),
        ("/snooze", {"seconds": 1800}),
        ("/snooze", {"seconds": 7200}),
        ("/snooze", {"until": "tomorrow"}),
    ]


@pytest.mark.parametrize(
    ("screen", "size"),
    [
        ((1920, 1080), (940, 680)),
        ((960, 540), (940, 500)),  # 1920 x 1080 at 200 %
        ((800, 600), (800, 560)),
        ((400, 300), (560, 420)),
    ],
)
def test_a_new_window_is_no_larger_than_its_screen(screen: tuple[int, int], size: tuple[int, int]) -> None:
    assert first_size(QSize(*screen)) == QSize(*size)


def test_a_window_begins_with_the_size_that_its_screen_has_room_for(window: MainWindow) -> None:
    made = MainWindow(window._model)
    try:
        assert made.size() == first_size(made.screen().availableSize())
    finally:
        made.close()
        made.deleteLater()
