"""The tray's menu offers what is possible, says why the rest is not, and turns what is chosen into intents."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from app import translations
from app.application import Application
from app.node_model import NodeModel
from app.picture import Picture
from app.tray_menu import TrayMenu, escaped, with_letters
from app.tray_picture import tray_picture
from node.rules.settings import Rules
from node.state import NodeState
from tests.support import samples
from tests.support.samples import NOW, picture

EVERYTHING = [
    "Pause", "Snooze for 30 minutes", "Snooze for 2 hours", "Snooze until tomorrow", "Snooze GPU only", "Mesh on",
    "Services", "Open RMA Mesh", "Quit",
]  # fmt: skip
NEEDS_A_NODE = EVERYTHING[:-2]
GPU_PAUSED = msgspec.structs.replace(samples.ONLINE, gpu_paused=True)


@pytest.fixture
def menu(model: NodeModel) -> Iterator[TrayMenu]:
    made = TrayMenu(model)
    yield made
    made.deleteLater()


@pytest.fixture
def sent(model: NodeModel, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, object]]:
    """What the model was asked for."""
    found: list[tuple[str, object]] = []
    monkeypatch.setattr(model, "_intend", lambda about, path, body=None, wait=10.0: found.append((path, body)))
    monkeypatch.setattr(model.rules, "change", lambda what, changes: found.append((what, changes)))
    return found


def show(menu: TrayMenu, shown: Picture) -> None:
    menu._model.picture = shown
    menu.draw(tray_picture(shown, shown.state.rules if shown.state else Rules(), NOW))


def lines(menu: QMenu) -> dict[str, QAction]:
    """Return what can be chosen, without the marks of letters, and with the menus below in their own lines."""
    return {
        re.sub("&(.)", r"\1", action.text()): action
        for action in menu.actions()
        if action.isVisible() and action.text() and not action.isSeparator()
    }


def below(menu: QMenu, name: str) -> dict[str, QAction]:
    found = lines(menu)[name].menu()
    assert isinstance(found, QMenu)
    return lines(found)


def with_rules(state: NodeState, **changes: object) -> NodeState:
    return msgspec.structs.replace(state, rules=msgspec.structs.replace(state.rules, **changes))


@pytest.mark.parametrize(
    ("shown", "offered"),
    [
        (picture(samples.ONLINE), EVERYTHING),
        (picture(samples.DEGRADED), EVERYTHING),
        (picture(samples.ON_BATTERY), EVERYTHING),
        (picture(samples.PAUSED), ["Resume", *EVERYTHING[1:]]),
        (picture(samples.SNOOZED), ["Resume", *EVERYTHING[1:]]),
        (picture(GPU_PAUSED), ["Pause", "Resume what uses the GPU", *EVERYTHING[1:]]),
        (Picture(), ["Open RMA Mesh", "Quit"]),
        (picture(samples.UNENROLLED), ["Open RMA Mesh", "Quit"]),
        (picture(samples.ONLINE, connected=False), ["Open RMA Mesh", "Quit"]),
    ],
)
def test_it_offers_what_is_possible(menu: TrayMenu, shown: Picture, offered: list[str]) -> None:
    show(menu, shown)
    assert [text for text, action in lines(menu).items() if action.isEnabled()] == offered


@pytest.mark.parametrize(
    ("shown", "why"),
    [
        (Picture(), "does not answer"),
        (picture(samples.ONLINE, connected=False), "does not answer"),
        (picture(samples.UNENROLLED), "not in a mesh yet"),
        (picture(msgspec.structs.replace(samples.ONLINE, stopping=True)), "is closing"),
    ],
)
def test_what_cannot_be_chosen_says_why(menu: TrayMenu, shown: Picture, why: str) -> None:
    show(menu, shown)
    closed = [action for text, action in lines(menu).items() if text in NEEDS_A_NODE]
    assert closed
    for action in closed:
        assert not action.isEnabled()
        assert why in action.toolTip()


def test_rules_that_cannot_be_read_are_not_changed_from_here(menu: TrayMenu) -> None:
    reason = msgspec.structs.replace(samples.PAUSED.reasons[0], code="rules-unreadable")
    show(menu, picture(msgspec.structs.replace(samples.ONLINE, reasons=(reason,))))
    assert lines(menu)["Pause"].isEnabled()
    assert not lines(menu)["Mesh on"].isEnabled()
    assert "save them anew" in lines(menu)["Services"].toolTip()


def test_the_status_lines_tell_and_cannot_be_chosen(menu: TrayMenu) -> None:
    show(menu, picture(samples.ON_BATTERY))
    told = [action for action in menu.actions() if action.isVisible()][:3]
    assert [action.text() for action in told] == [
        "Paused",
        "This computer runs on its battery. This computer",
        "goes on about a minute after it is plugged in.",
    ]
    assert not any(action.isEnabled() for action in told)


def test_pauses_and_snoozes_become_intents(menu: TrayMenu, sent: list[tuple[str, object]]) -> None:
    show(menu, picture(samples.ONLINE))
    for text in EVERYTHING[:4]:
        lines(menu)[text].trigger()
    for action in below(menu, "Snooze GPU only").values():
        action.trigger()
    show(menu, picture(samples.PAUSED))
    lines(menu)["Resume"].trigger()
    gpu = {"scope": "gpu"}
    assert sent == [
        ("/pause", None),
        ("/snooze", {"seconds": 1800}),
        ("/snooze", {"seconds": 7200}),
        ("/snooze", {"until": "tomorrow"}),
        ("/snooze", {"seconds": 1800, **gpu}),
        ("/snooze", {"seconds": 7200, **gpu}),
        ("/snooze", {"until": "tomorrow", **gpu}),
        ("/pause", gpu),
        ("/resume", None),
    ]


def test_the_mesh_is_switched_and_shown_as_the_node_has_it(menu: TrayMenu, sent: list[tuple[str, object]]) -> None:
    show(menu, picture(samples.ONLINE))
    mesh = lines(menu)["Mesh on"]
    mesh.trigger()
    assert mesh.isChecked()  # until the node says otherwise
    show(menu, picture(with_rules(samples.ONLINE, mesh_on=False)))
    assert not mesh.isChecked()
    mesh.trigger()
    assert sent == [("Mesh on", {"mesh_on": False}), ("Mesh on", {"mesh_on": True})]


def test_each_service_has_a_toggle(menu: TrayMenu, sent: list[tuple[str, object]]) -> None:
    show(menu, picture(with_rules(samples.ONLINE, services_off=("ner-extraction", "of-another-day"))))
    toggles = below(menu, "Services")
    assert {text: action.isChecked() for text, action in toggles.items()} == {
        "Document reading": True, "Finding facts": False, "Library search": True, "of-another-day": False,
    }  # fmt: skip
    toggles["Document reading"].trigger()
    toggles["Finding facts"].trigger()
    assert toggles["Document reading"].isChecked()
    assert sent == [
        ("Document reading", {"services_off": ("document-processing", "ner-extraction", "of-another-day")}),
        ("Finding facts", {"services_off": ("of-another-day",)}),
    ]


def test_services_that_come_and_go_are_followed(menu: TrayMenu) -> None:
    show(menu, picture(samples.ONLINE))
    show(menu, picture(samples.LONG_NAMES))
    assert len(below(menu, "Services")) > 20
    show(menu, picture(samples.ONLINE))
    assert list(below(menu, "Services")) == ["Document reading", "Finding facts", "Library search"]


def test_without_work_for_a_gpu_nothing_is_said_of_it(menu: TrayMenu) -> None:
    plain = msgspec.structs.replace(samples.CAPABILITIES, has_gpu=False, gpus=())
    show(menu, picture(msgspec.structs.replace(samples.ONLINE, capabilities=plain)))
    assert "Snooze GPU only" not in lines(menu)


def test_names_are_shown_as_they_are() -> None:
    assert escaped("Research & Development") == "Research && Development"


# --- letters ------------------------------------------------------------------------------------------------------


@pytest.fixture(params=sorted(translations.LANGUAGES))
def speaking(qapp: Application, request: pytest.FixtureRequest) -> Iterator[None]:
    translations.install(qapp, request.param)
    yield
    translations.install(qapp, "en")


def letters(menu: QMenu) -> list[str]:
    """Return the letter of each line that can be chosen; an empty one where it has none."""
    actions = [one for one in menu.actions() if one.isVisible() and one.isEnabled() and not one.isSeparator()]
    return [QKeySequence.mnemonic(one.text()).toString().removeprefix("Alt+") for one in actions]


@pytest.mark.usefixtures("speaking")
@pytest.mark.parametrize("state", [samples.ONLINE, samples.PAUSED, GPU_PAUSED, samples.UNENROLLED])
def test_each_line_has_a_letter_of_its_own_in_every_language(model: NodeModel, state: NodeState) -> None:
    menu = TrayMenu(model)
    show(menu, picture(state))
    for one in (menu, menu._gpu, menu._services):
        found = letters(one)
        assert "" not in found
        assert len(found) == len(set(found)), found
    menu.deleteLater()


def test_services_have_letters_as_far_as_they_go() -> None:
    titles = ["Ocr", "Old things", "oo", "R & D", "my_own", "Öl", "2 o'clock", "ocr"]
    assert list(with_letters(titles)) == [
        "&Ocr", "Old &things", "oo", "R && D", "my_own", "Ö&l", "&2 o'clock", "o&cr",
    ]  # fmt: skip


# --- while it is open ---------------------------------------------------------------------------------------------


@pytest.fixture
def opened(menu: TrayMenu, qtbot: QtBot) -> TrayMenu:
    """The menu on the screen, as somebody sees who helps."""
    show(menu, picture(samples.ONLINE))
    menu.popup(menu.pos())
    qtbot.waitExposed(menu)
    return menu


@pytest.mark.parametrize(
    ("keys", "asked"),
    [
        ("p", ("/pause", None)),
        ("3", ("/snooze", {"seconds": 1800})),
        ("t", ("/snooze", {"until": "tomorrow"})),
        ("gu", ("/pause", {"scope": "gpu"})),
        ("m", ("Mesh on", {"mesh_on": False})),
        ("sf", ("Finding facts", {"services_off": ("document-processing", "ner-extraction")})),
    ],
)
def test_a_letter_chooses_the_line_that_was_seen_whatever_has_come_meanwhile(
    opened: TrayMenu, sent: list[tuple[str, object]], keys: str, asked: tuple[str, object], qtbot: QtBot
) -> None:
    switched = with_rules(samples.ON_BATTERY, mesh_on=False, services_off=("document-processing", "ner-extraction"))
    for state in (samples.PAUSED, samples.LONG_NAMES, switched):
        show(opened, picture(state))
    for key in keys:
        shown = QApplication.activePopupWidget()
        assert isinstance(shown, QMenu)
        QTest.keyClick(shown, key)  # type: ignore[call-overload]  # it takes letters, too
    assert sent == [asked]
    qtbot.waitUntil(lambda: not opened.isVisible())


def test_no_line_moves_while_it_is_open_and_all_is_drawn_when_it_has_closed(opened: TrayMenu, qtbot: QtBot) -> None:
    def places() -> list[object]:
        return [
            (one.text(), one.isVisible(), one.isEnabled(), one.isChecked(), menu.actionGeometry(one))
            for menu in (opened, opened._gpu, opened._services)
            for one in menu.actions()
        ]

    before = places()
    for shown in (picture(samples.PAUSED), picture(samples.LONG_NAMES), picture(samples.ON_BATTERY), Picture()):
        show(opened, shown)
        opened._held.timeout.emit()  # the longest time
        assert places() == before
    QTest.keyClick(opened, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not lines(opened)["Pause"].isEnabled())


def test_a_panel_that_draws_the_menu_itself_and_never_tells_of_its_end_gets_it_anew(
    menu: TrayMenu, qtbot: QtBot
) -> None:
    show(menu, picture(samples.ONLINE))
    for end in (menu.aboutToShow, menu.aboutToHide, menu._held.timeout):
        menu.aboutToShow.emit()
        show(menu, picture(samples.PAUSED))
        assert "Resume" not in lines(menu)
        end.emit()
        qtbot.waitUntil(lambda: "Resume" in lines(menu))
        show(menu, picture(samples.ONLINE))
