"""The real app on a real X server with a tray: icon, menu, window, enrolment, trouble, and a clean end."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import msgspec
import pytest

from node.gpu_work import has_gpu_work
from node.state import NodeState
from tests.desktop.conftest import DesktopApp
from tests.support.desktop import Desktop, end, wait_until
from tests.support.real_mesh import RealMesh

pytestmark = [
    pytest.mark.needs("Xvfb", "openbox", "trayer", "xdotool", "xwininfo", "xprop", "import"),
    pytest.mark.processes,
    pytest.mark.timeout(600),
]


# Where the lines stand, counted from the menu's end, as keys reach them. The other panel tries those for a GPU.
FROM_THE_END = {
    "Quit": 1, "Open RMA Mesh": 2, "Services": 3, "Mesh on": 4, "Snooze until tomorrow": 5, "Snooze for 2 hours": 6,
    "Snooze for 30 minutes": 7,
}  # fmt: skip


def choose(app: DesktopApp, line: str, below: int | None = None) -> None:
    """Choose a line by keys; `below` is the place in its own menu, from 0."""
    gpu = has_gpu_work(msgspec.convert(app.known_state(), NodeState))
    above_the_gpu = gpu and FROM_THE_END[line] > FROM_THE_END["Mesh on"]
    place = ["Up"] * (FROM_THE_END[line] + above_the_gpu)
    app.choose(*place, *(() if below is None else ("Right", *["Down"] * below)), "Return")


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

    app.choose("Down", "Return")
    app.wait_for(paused=True, snoozed_until=None, phase="paused")
    app.wait_for_icon("paused")
    app.choose("Down", "Return")
    app.wait_for(paused=False, phase="online")
    app.wait_for_icon("online")
    snoozes(app)
    switches(app)
    choose(app, "Open RMA Mesh")
    app.open_window()
    choose(app, "Quit")
    assert app.process is not None
    app.wait_for_end(app.started[0])


def snoozes(app: DesktopApp) -> None:
    for line, seconds in app.SNOOZES.items():
        before = time.time()
        choose(app, line)
        app.wait_for_snooze("snoozed_until", before, seconds)
    app.choose("Down", "Return")
    app.wait_for(paused=False, phase="online")
    app.wait_for_icon("online")


def switches(app: DesktopApp) -> None:
    services = app.known_state()["assignment"]["services"]
    assert services
    for place in range(len(services)):
        choose(app, "Services", place)
        wait_until(lambda: len(app.known_state()["rules"]["services_off"]) == place + 1, "the switch", 90)  # noqa: B023
    assert sorted(app.known_state()["rules"]["services_off"]) == sorted(services)
    choose(app, "Mesh on")
    app.wait_for(phase="paused")
    app.wait_for_icon("offline")
    choose(app, "Mesh on")
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
    app.choose("Down", "Return")
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
