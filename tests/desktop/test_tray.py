"""The real app on a real X server with a tray: icon, menu, window, enrolment, trouble, and a clean end."""

from __future__ import annotations

import signal
from pathlib import Path

import psutil
import pytest

from tests.desktop.conftest import DesktopApp
from tests.support.desktop import Desktop, end, wait_until
from tests.support.real_mesh import RealMesh

pytestmark = [
    pytest.mark.needs("Xvfb", "openbox", "trayer", "xdotool", "xwininfo", "xprop", "import"),
    pytest.mark.processes,
    pytest.mark.timeout(600),
]


def enrol(app: DesktopApp, mesh: RealMesh) -> None:
    """Join by a link on the command line and one press of a key."""
    app.start(mesh.invite(), mesh=mesh)
    app.confirm_the_link()


def test_from_link_to_online_paused_resumed_and_gone(
    app: DesktopApp, screen: Desktop, mesh: RealMesh, pictures: Path
) -> None:
    screen.start_tray()
    enrol(app, mesh)
    app.wait_for_icon("online")
    screen.screenshot(pictures / "window.png")
    app.open_menu()
    screen.screenshot(pictures / "menu.png")
    screen.keys("Escape")
    wait_until(lambda: not screen.menu(), "the menu's end")

    app.choose("Down", "Down", "Return")
    wait_until(lambda: app.phase() == "paused", "the pause")
    app.wait_for_icon("paused")
    app.choose("Down", "Down", "Return")
    wait_until(lambda: app.phase() == "online", "going on")
    app.wait_for_icon("online")

    app.choose("Up", "Return")
    assert app.process is not None
    app.wait_for_end(app.process)


def test_trouble_is_seen_in_the_tray(app: DesktopApp, screen: Desktop, mesh: RealMesh) -> None:
    screen.start_tray()
    enrol(app, mesh)
    app.wait_for_icon("online")
    assert mesh.coordinator is not None
    port = mesh.coordinator.url.rpartition(":")[2]
    mesh.coordinator.kill()
    app.wait_for_icon("degraded")
    mesh.start_coordinator(port=int(port))
    app.wait_for_icon("online", 120)
    node = app.node_pid()
    psutil.Process(node).kill()
    wait_until(lambda: app.status() and app.node_pid() != node, "another node", 90)
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
