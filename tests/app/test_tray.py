"""The tray's menu and icon follow the state; a tray may come late, go and come back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QSystemTrayIcon
from pytestqt.qtbot import QtBot

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


def actions(tray: Tray) -> dict[str, QAction]:
    return {action.text(): action for action in tray._menu.actions() if action.isVisible() and action.text()}


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
    tray.draw(picture(samples.PAUSED))
    first = tray._icon
    panel.available = False
    tray._look()
    assert not tray.present
    panel.available = True
    tray._look()
    assert tray._icon is not None
    assert tray._icon is not first
    assert tray._icon.toolTip() == "RMA Mesh: paused. This computer does nothing for the mesh until you resume."


def test_without_a_tray_for_a_while_it_gives_up_once(tray: Tray, qtbot: QtBot) -> None:
    gave_up: list[bool] = []
    tray.gave_up.connect(lambda: gave_up.append(True))
    for _ in range(PATIENCE * 3):
        tray._look()
    assert gave_up == [True]


@pytest.mark.parametrize(
    ("shown", "enabled", "offers"),
    [
        (Picture(), False, "Pause"),
        (picture(samples.UNENROLLED), False, "Pause"),
        (picture(samples.ONLINE), True, "Pause"),
        (picture(samples.PAUSED), True, "Resume"),
        (picture(samples.ONLINE, pending=frozenset({"pause"})), False, "Pause"),
        (picture(samples.ONLINE, connected=False), False, "Pause"),
    ],
)
def test_the_menu_offers_what_is_possible(tray: Tray, shown: Picture, enabled: bool, offers: str) -> None:
    tray.draw(shown)
    found = actions(tray)
    assert ("Pause" in found) != ("Resume" in found)
    assert found[offers].isEnabled() == enabled
    assert found["Pause for 2 hours"].isEnabled() == enabled
    assert found["Open RMA Mesh"].isEnabled()
    assert found["Quit"].isEnabled()


def test_the_status_line_says_the_state_and_cannot_be_clicked(tray: Tray) -> None:
    tray.draw(picture(samples.ONLINE))
    status = tray._menu.actions()[0]
    assert status.text() == "Online – Helping with 2 services"
    assert not status.isEnabled()


def test_menu_items_become_intents(tray: Tray, model: NodeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, object]] = []
    monkeypatch.setattr(model, "_intend", lambda about, path, body=None, wait=10.0: sent.append((path, body)))
    tray.draw(picture(samples.ONLINE))
    for text in ("Pause", "Pause for 30 minutes", "Pause for 2 hours"):
        actions(tray)[text].trigger()
    tray.draw(picture(samples.PAUSED))
    actions(tray)["Resume"].trigger()
    assert sent == [
        ("/pause", None),
        ("/snooze", {"seconds": 1800}),
        ("/snooze", {"seconds": 7200}),
        ("/resume", None),
    ]


def test_open_quit_and_clicks_are_told(tray: Tray, panel: Panel, qtbot: QtBot) -> None:
    panel.available = True
    tray.start()
    with qtbot.waitSignal(tray.open_wanted):
        actions(tray)["Open RMA Mesh"].trigger()
    with qtbot.waitSignal(tray.quit_wanted):
        actions(tray)["Quit"].trigger()
    assert tray._icon is not None
    with qtbot.waitSignal(tray.open_wanted):
        tray._icon.activated.emit(QSystemTrayIcon.ActivationReason.Trigger)
    with qtbot.assertNotEmitted(tray.open_wanted):
        tray._icon.activated.emit(QSystemTrayIcon.ActivationReason.Context)
