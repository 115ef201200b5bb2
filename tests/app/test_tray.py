"""The tray's icon follows the state; a tray may come late, go and come back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QSystemTrayIcon
from pytestqt.qtbot import QtBot

from app.application import Application
from app.icons import state_icon
from app.node_model import NodeModel
from app.picture import Picture
from app.tray import PATIENCE, Tray
from tests.support import samples
from tests.support.samples import picture


class Panel:
    """The desktop's tray, as Qt reports it."""

    def __init__(self) -> None:
        self.available = False


@pytest.fixture
def panel(monkeypatch: pytest.MonkeyPatch) -> Panel:
    made = Panel()
    monkeypatch.setattr(QSystemTrayIcon, "isSystemTrayAvailable", lambda: made.available)
    return made


@pytest.fixture
def tray(model: NodeModel, panel: Panel) -> Iterator[Tray]:
    made = Tray(model)
    yield made
    made.stop()


def show(tray: Tray, shown: Picture) -> None:
    tray._model.picture = shown
    tray.draw()


def test_a_tray_that_comes_late_gets_an_icon(tray: Tray, panel: Panel, qtbot: QtBot) -> None:
    tray.start()
    assert not tray.present
    panel.available = True
    with qtbot.waitSignal(tray.presence_changed) as heard:
        tray._look()
    assert heard.args == [True]
    assert tray.present


def test_a_tray_that_restarts_gets_a_new_icon_with_the_state(tray: Tray, panel: Panel) -> None:
    panel.available = True
    tray.start()
    show(tray, picture(samples.PAUSED))
    first = tray._icon
    panel.available = False
    tray._look()
    assert not tray.present
    panel.available = True
    tray._look()
    assert tray._icon is not None
    assert tray._icon is not first
    assert tray._icon.toolTip() == ("RMA Mesh – Paused: This computer does nothing for the mesh until you resume.")
    assert tray._icon.icon().cacheKey() == state_icon("paused").cacheKey()


def test_without_a_tray_for_a_while_it_gives_up_once(tray: Tray) -> None:
    gave_up: list[bool] = []
    tray.gave_up.connect(lambda: gave_up.append(True))
    for _ in range(PATIENCE * 3):
        tray._look()
    assert gave_up == [True]


def test_icon_and_tooltip_follow_the_state_and_are_left_alone_else(
    tray: Tray, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel.available = True
    tray.start()
    set_icons: list[object] = []
    monkeypatch.setattr(QSystemTrayIcon, "setIcon", lambda _icon, new: set_icons.append(new.cacheKey()))
    for shown in (picture(samples.ONLINE), picture(samples.ONLINE, busy=True), picture(samples.ONLINE, busy=True)):
        show(tray, shown)
    assert set_icons == [state_icon("online").cacheKey(), state_icon("busy").cacheKey()]
    assert tray._icon is not None
    assert tray._icon.toolTip() == "RMA Mesh – Working: Helping with 2 services."


def test_open_quit_and_clicks_are_told(tray: Tray, panel: Panel, qtbot: QtBot) -> None:
    panel.available = True
    tray.start()
    with qtbot.waitSignal(tray.open_wanted):
        tray._menu.opening.trigger()
    with qtbot.waitSignal(tray.quit_wanted):
        tray._menu.quitting.trigger()
    assert tray._icon is not None
    with qtbot.waitSignal(tray.open_wanted):
        tray._icon.activated.emit(QSystemTrayIcon.ActivationReason.Trigger)
    with qtbot.assertNotEmitted(tray.open_wanted):
        tray._icon.activated.emit(QSystemTrayIcon.ActivationReason.Context)


def test_a_message_is_shown_where_there_is_an_icon_that_can(
    tray: Tray, panel: Panel, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not tray.show_message("title", "text")
    panel.available = True
    tray.start()
    shown: list[tuple[str, str]] = []
    monkeypatch.setattr(QSystemTrayIcon, "supportsMessages", lambda: True)
    monkeypatch.setattr(
        QSystemTrayIcon, "showMessage", lambda _icon, title, text, _picture: shown.append((title, text))
    )
    assert tray.show_message("title", "text")
    assert shown == [("title", "text")]
    assert tray._icon is not None
    with qtbot.waitSignal(tray.message_clicked):
        tray._icon.messageClicked.emit()


def test_a_panel_that_is_new_gets_a_new_icon_now_or_when_it_takes_icons_in(tray: Tray, panel: Panel) -> None:
    panel.available = True
    tray.start()
    first = tray._icon
    tray._make_anew()
    second = tray._icon
    assert second is not None and second is not first
    panel.available = False
    tray._make_anew()
    assert not tray.present
    panel.available = True
    tray._look()
    assert tray.present


def test_what_the_model_tells_after_the_end_meets_nothing_that_has_gone(
    model: NodeModel, panel: Panel, qt: Application
) -> None:
    panel.available = True
    tray = Tray(model)
    tray.start()
    tray.stop()
    tray.stop()
    qt.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    model.changed.emit(picture(samples.PAUSED))
    model.rules.changed.emit()
    tray._make_anew()
    assert not tray.present
