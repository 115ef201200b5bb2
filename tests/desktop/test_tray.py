"""The real app on a real X server with a tray: icon, menu, window, enrolment, trouble, and a clean end."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import msgspec
import pytest

from app.tray_menu import with_letters
from app.tray_picture import tray_picture
from node.state import NodeState
from tests.desktop.conftest import DesktopApp
from tests.support.desktop import Desktop, end, wait_until
from tests.support.real_mesh import RealMesh
from tests.support.samples import picture

pytestmark = [
    pytest.mark.needs("Xvfb", "openbox", "trayer", "xdotool", "xwininfo", "xprop", "import"),
    pytest.mark.processes,
    pytest.mark.timeout(600),
]

LETTERS = {"Snooze for 30 minutes": "3", "Snooze for 2 hours": "2", "Snooze until tomorrow": "t"}


def test_from_link_to_every_line_of_the_menu_and_gone(
    app: DesktopApp, screen: Desktop, mesh: RealMesh, pictures: Path
) -> None:
    screen.start_tray()
    app.start(mesh.invite(), mesh=mesh)
    app.confirm_the_link()
    app.wait_for_icon("online")
    screen.screenshot(pictures / "window.png")
    app.close_window()
    wait_until(lambda: not app.windows(), "hiding")
    app.open_menu()
    screen.screenshot(pictures / "menu.png")
    screen.keys("Escape")
    wait_until(lambda: not screen.menu(), "the menu's end")

    app.choose("p")
    app.wait_for(paused=True, snoozed_until=None, phase="paused")
    app.wait_for_icon("paused")
    app.choose("r")
    app.wait_for(paused=False, phase="online")
    app.wait_for_icon("online")
    snoozes(app)
    switches(app)
    app.choose("o")
    app.open_window()
    app.choose("q")
    assert app.process is not None
    app.wait_for_end(app.started[0])


def snoozes(app: DesktopApp) -> None:
    for line, seconds in app.SNOOZES.items():
        before = time.time()
        app.choose(LETTERS[line])
        app.wait_for_snooze("snoozed_until", before, seconds)
    app.choose("r")
    app.wait_for(paused=False, phase="online")
    app.wait_for_icon("online")


def switches(app: DesktopApp) -> None:
    state = msgspec.convert(app.known_state(), NodeState)
    services = tray_picture(picture(state), state.rules, time.time()).services
    assert services
    marked = with_letters(one.title for one in services)
    for count, (service, text) in enumerate(zip(services, marked, strict=True), 1):
        app.choose("s", text[text.index("&") + 1].lower())
        wait_until(lambda: service.name in app.known_state()["rules"]["services_off"], service.title, 90)  # noqa: B023
        assert len(app.known_state()["rules"]["services_off"]) == count
    app.choose("m")
    app.wait_for(phase="paused")
    app.wait_for_icon("offline")
    app.choose("m")
    app.wait_for(phase="online")
    app.wait_for_icon("online", 120)


def test_closing_hides_and_a_click_brings_it_back(app: DesktopApp, screen: Desktop) -> None:
    screen.start_tray()
    app.start()
    app.open_window()
    app.icon()
    app.close_window()
    wait_until(lambda: not app.windows(), "hiding")
    assert app.process is not None
    assert app.process.poll() is None
    screen.click(app.icon())
    app.open_window()
    app.close_window()
    wait_until(lambda: not app.windows(), "hiding")
    app.choose("o")
    app.open_window()


def test_minimized_there_is_only_the_icon(app: DesktopApp, screen: Desktop) -> None:
    screen.start_tray()
    app.start("--minimized")
    app.icon()
    assert app.windows() == []
    second = app.start()
    assert second.wait(60) == 0
    app.open_window()


def test_a_tray_that_comes_late_or_restarts_gets_the_icon(app: DesktopApp, screen: Desktop) -> None:
    app.start()
    app.open_window()
    assert screen.tray_icons() == []
    tray = screen.start_tray()
    app.icon()
    end(tray)
    wait_until(lambda: not screen.tray_icons(), "the tray's end")
    screen.start_tray()
    app.icon()


def test_without_a_tray_the_window_stays_and_asks_before_it_quits(
    app: DesktopApp, screen: Desktop, pictures: Path
) -> None:
    process = app.start()
    app.open_window()
    app.node_pid()
    app.wait_for_question(app.close_window())
    screen.screenshot(pictures / "question.png")
    screen.keys("Escape")
    wait_until(lambda: len(screen.windows("--class", "rma-mesh")) == 1, "the answer")
    assert process.poll() is None
    app.wait_for_question(app.close_window())
    screen.keys("Tab", "Return")
    app.wait_for_end(process)


def test_the_end_of_the_session_leaves_nothing(app: DesktopApp, screen: Desktop) -> None:
    screen.start_tray()
    process = app.start()
    app.node_pid()
    process.send_signal(signal.SIGHUP)
    app.wait_for_end(process)
