"""The real app beside a panel with StatusNotifier icons, as KDE and others have: every line of its menu works."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from node.rules.kept import FILE_NAME as RULES
from tests.desktop.conftest import STATE_COLOURS, DesktopApp
from tests.support import nvml
from tests.support.dbus import bus_daemon
from tests.support.desktop import Desktop, wait_until
from tests.support.real_mesh import RealMesh
from tests.support.status_notifier import StatusNotifierHost, status_notifier_host

pytestmark = [
    pytest.mark.needs("Xvfb", "openbox", "xdotool", "dbus-daemon", "gcc"),
    pytest.mark.processes,
    pytest.mark.timeout(600),
]


@pytest.fixture
def bus(tmp_path: Path, screen: Desktop) -> Iterator[str]:
    """Give the desktop a session bus."""
    with bus_daemon(tmp_path) as daemon:
        screen.bus = daemon.address
        yield daemon.address


@pytest.fixture
def gpu(tmp_path: Path, app: DesktopApp) -> None:
    """Let the node find a GPU."""
    folder = tmp_path / "driver"
    folder.mkdir()
    app.environment["LD_LIBRARY_PATH"] = str(nvml.compile_stub(folder))


def icon_of(host: StatusNotifierHost) -> str:
    counts = host.colours()
    return max(STATE_COLOURS, key=lambda state: counts.get(STATE_COLOURS[state], 0))


def told(host: StatusNotifierHost) -> str:
    """Return what the menu says and nobody can choose."""
    return " ".join(entry.label for entry in host.menu().walk() if not entry.enabled)


def wait_for_icon(host: StatusNotifierHost, state: str) -> None:
    wait_until(lambda: icon_of(host) == state, f"the icon of {state}", 120)


def click(host: StatusNotifierHost, label: str) -> None:
    """Click on a line as soon as it is offered."""
    nth(host, label, 0)


def click_snoozes(app: DesktopApp, host: StatusNotifierHost, number: int, until: str) -> None:
    """Click on every snooze of the menu's first (0) or second (1) set, and see in the node until when it rests."""
    for label, seconds in app.SNOOZES.items():
        before = time.time()
        nth(host, label, number)
        app.wait_for_snooze(until, before, seconds)


def nth(host: StatusNotifierHost, label: str, number: int) -> None:
    def offered() -> list[int]:
        return [entry.number for entry in host.menu().walk() if entry.label == label and entry.enabled]

    host.press(wait_until(lambda: offered()[number:], label, 90)[0])


def test_every_line_of_the_menu_and_every_trouble(
    bus: str, gpu: None, app: DesktopApp, screen: Desktop, mesh: RealMesh
) -> None:
    process = app.start("--minimized", mesh=mesh)
    with status_notifier_host(bus) as host:  # a panel that comes late
        wait_until(lambda: host.items, "the icon")
        assert host.read("Id") == "rma-mesh"
        assert host.icon_size() >= 32
        wait_until(lambda: "Not in a mesh yet" in told(host), "a node", 90)
        assert "Pause" in told(host)
        joins_by_a_second_start(app, screen, mesh, host)
        keeps_its_lines_while_it_is_open(app, host)
        pauses_and_snoozes(app, host)
        switches(app, host)
        works(app, host, mesh)
        loses_its_coordinator(host, mesh)
    with status_notifier_host(bus) as host:  # a panel that was restarted
        wait_until(lambda: host.items, "the icon")
        loses_its_node_and_its_rules(app, screen, host)
        host.click("Quit")
        app.wait_for_end(process)
        wait_until(lambda: not host.items, "the icon's end")


def joins_by_a_second_start(app: DesktopApp, screen: Desktop, mesh: RealMesh, host: StatusNotifierHost) -> None:
    assert app.windows() == []
    second = app.start(mesh.invite())
    assert second.wait(90) == 0
    app.confirm_the_link()
    wait_for_icon(host, "online")
    wait_until(lambda: host.tooltip().startswith("RMA Mesh – Online: "), "the tooltip")
    app.close_window()
    wait_until(lambda: not app.windows(), "hiding")
    for open_it in (host.activate, lambda: host.click("Open RMA Mesh")):
        open_it()
        app.open_window()
        app.close_window()
        wait_until(lambda: not app.windows(), "hiding")


def keeps_its_lines_while_it_is_open(app: DesktopApp, host: StatusNotifierHost) -> None:
    before = host.menu()
    app.tell("/pause")
    wait_for_icon(host, "paused")
    assert host.open_menu() == before
    host.close_menu()
    wait_until(lambda: "Resume" in [entry.label for entry in host.open_menu().walk()], "what came meanwhile")
    click(host, "Resume")
    app.wait_for(paused=False, phase="online")
    wait_for_icon(host, "online")


def pauses_and_snoozes(app: DesktopApp, host: StatusNotifierHost) -> None:
    click(host, "Pause")
    app.wait_for(paused=True, snoozed_until=None, phase="paused")
    wait_for_icon(host, "paused")
    wait_until(lambda: "until you resume" in told(host), "the reason")
    click_snoozes(app, host, 0, "snoozed_until")
    wait_until(lambda: "goes on by itself at" in told(host), "the end of the snooze")
    click(host, "Resume")
    app.wait_for(paused=False, phase="online")
    wait_until(lambda: app.known_state()["capabilities"]["has_gpu"], "the GPU", 90)
    click_snoozes(app, host, 1, "gpu_snoozed_until")
    wait_until(lambda: "What uses the GPU rests until" in told(host), "what rests")
    click(host, "Until I resume")
    app.wait_for(gpu_paused=True, gpu_snoozed_until=None, phase="online")
    click(host, "Resume what uses the GPU")
    app.wait_for(gpu_paused=False)


def switches(app: DesktopApp, host: StatusNotifierHost) -> None:
    state = app.known_state()
    titles = {one["name"]: one["title"] for one in state["catalogue"]["manifests"]}
    services = state["assignment"]["services"]
    assert services
    for count, name in enumerate(services, 1):
        click(host, titles[name])
        wait_until(lambda: len(app.known_state()["rules"]["services_off"]) == count, name, 90)  # noqa: B023
    assert sorted(app.known_state()["rules"]["services_off"]) == sorted(services)
    wait_until(lambda: not host.entry(titles[services[0]]).checked, "the mark")
    for name in services:
        click(host, titles[name])
        wait_until(lambda: name not in app.known_state()["rules"]["services_off"], name, 90)  # noqa: B023
    click(host, "Mesh on")
    wait_until(
        lambda: app.known_state()["rules"]["mesh_on"] is False and app.phase() == "paused", "the mesh's end", 90
    )
    wait_for_icon(host, "offline")
    assert "Mesh switched off" in told(host)
    click(host, "Mesh on")
    wait_until(lambda: app.known_state()["rules"]["mesh_on"] and app.phase() == "online", "the mesh", 90)
    wait_for_icon(host, "online")


def works(app: DesktopApp, host: StatusNotifierHost, mesh: RealMesh) -> None:
    key = mesh.key()
    mesh.wait_for_service("ner-extraction")

    def is_busy_after_a_request() -> bool:
        mesh.call("ner-extraction", {"text": "Mrs Hill owes 120 pounds."}, key)
        return icon_of(host) == "busy"

    wait_until(is_busy_after_a_request, "the icon of somebody who works", 90)
    wait_for_icon(host, "online")


def loses_its_coordinator(host: StatusNotifierHost, mesh: RealMesh) -> None:
    assert mesh.coordinator is not None
    port = int(mesh.coordinator.url.rpartition(":")[2])
    mesh.coordinator.kill()
    wait_for_icon(host, "degraded")
    assert "No coordinator answers" in told(host)
    assert "No coordinator answers" in host.tooltip()
    mesh.start_coordinator(port=port)
    wait_for_icon(host, "online")


def loses_its_node_and_its_rules(app: DesktopApp, screen: Desktop, host: StatusNotifierHost) -> None:
    """End the node, with rules that its next start cannot read: it comes back, rests, and a person is told."""
    (app.data_dir / RULES).write_text("{ what is this")
    before = app.node_pid()
    psutil.Process(before).kill()
    wait_until(lambda: app.state() and app.node_pid() != before, "another node", 90)
    wait_until(lambda: "was started again at" in told(host), "what happened", 90)
    wait_for_icon(host, "attention")
    told_of = "Your rules cannot be read"
    wait_until(lambda: told_of in dict(host.notifications), "the notification", 90)
    host.click_notification([title for title, _ in host.notifications].index(told_of) + 1)
    app.open_window()
    app.close_window()
    wait_until(lambda: not app.windows(), "hiding")
