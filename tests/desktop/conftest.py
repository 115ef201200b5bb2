"""An X display of its own for every test of the real app, with or without a tray, and a real node behind it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pytest
from PySide6.QtGui import QImage

from app.control_client import read_address
from tests.support.desktop import Area, Desktop, desktop, end, wait_until
from tests.support.real_mesh import RealMesh, http, run

STATE_COLOURS = {
    "online": "#1a9850",
    "busy": "#2b7de9",
    "paused": "#6b7c93",
    "degraded": "#b97800",
    "offline": "#808994",
    "attention": "#de3b40",
}


@dataclass
class DesktopApp:
    """`python -m app` on a display; it starts its node itself."""

    # The menu's lines, and the seconds that each gives, or None for until tomorrow.
    SNOOZES: ClassVar[Mapping[str, int | None]] = {
        "Snooze for 30 minutes": 1800, "Snooze for 2 hours": 7200, "Snooze until tomorrow": None,
    }  # fmt: skip

    desktop: Desktop
    data_dir: Path
    process: subprocess.Popen[bytes] | None = None
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)  # besides the desktop's

    def start(self, *arguments: str, mesh: RealMesh | None = None) -> subprocess.Popen[bytes]:
        heartbeat = {"RMA_WORKER_HEARTBEAT": "1", "RMA_DHT_REPUBLISH": "2"} if mesh else {}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app", "--data-dir", str(self.data_dir), *arguments],
            env={
                **self.desktop.environment, "RMA_PORT": "0", "RMA_DHT_PORT": "0", "RMA_KEYRING": "false",
                "RMA_VPN": "off", "RMA_SENSORS": "off", "RMA_SERVICE_NICE": "0",
                "RMA_NAME": "Reception PC", **heartbeat, **self.environment,
            },
        )  # fmt: skip
        self.started.append(self.process)
        return self.process

    def open_window(self) -> str:
        """Wait for the window, and return its id."""
        return wait_until(self.windows, "the window")[0]

    def windows(self) -> list[str]:
        return self.desktop.windows("--name", "^RMA Mesh$")

    def icon(self) -> tuple[int, int]:
        """Wait for the tray icon, and return where it is."""
        return self.icon_area().centre

    def icon_area(self) -> Area:
        return wait_until(self.desktop.tray_icons, "the tray icon")[0]

    def icon_state(self) -> str:
        """Return which state's picture the tray shows, by the colour of the picture."""
        area = self.icon_area()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "screen.png"
            self.desktop.screenshot(path)
            screen = QImage(str(path))
        counts = Counter(
            screen.pixelColor(x, y).name()
            for x in range(area.left, area.left + area.width)
            for y in range(area.top, area.top + area.height)
        )
        return max(STATE_COLOURS, key=lambda state: counts[STATE_COLOURS[state]])

    def wait_for_icon(self, state: str, deadline: float = 90.0) -> None:
        wait_until(lambda: self.icon_state() == state, f"the icon of {state}", deadline)

    def open_menu(self) -> None:
        """Click on the icon until its menu is there; two clicks in a row are a double-click, which opens none."""
        place = self.icon()
        wait_until(lambda: self.desktop.menu() or self._click_for_menu(place), "the menu")
        wait_until(lambda: self.desktop.is_drawn(self.desktop.menu() or ""), "the menu's picture")

    def _click_for_menu(self, place: tuple[int, int]) -> bool:
        self.desktop.click(place, button=3)
        with contextlib.suppress(AssertionError):
            wait_until(self.desktop.menu, "the menu", 3.0)
        return self.desktop.menu() is not None

    def choose(self, *keys: str) -> None:
        """Open the tray's menu and press keys in it."""
        self.open_menu()
        self.desktop.keys(*keys)
        wait_until(lambda: not self.desktop.menu(), "the menu's end")

    def node_pid(self) -> int:
        wait_until((self.data_dir / "embedded-node.json").exists, "the node", 90)
        address = read_address(self.data_dir)
        assert address is not None
        return address.pid

    def status(self) -> dict[str, Any]:
        """Ask the node itself, as the command line does."""
        result = run("node", "status", "--json", "--data-dir", str(self.data_dir))
        found: dict[str, Any] = json.loads(result.stdout) if result.returncode == 0 else {}
        return found

    def phase(self) -> str:
        return str(self.state().get("phase", ""))

    def state(self) -> dict[str, Any]:
        """Return the node's state as its control API tells it, or nothing while none answers."""
        address = read_address(self.data_dir)
        if address is None:
            return {}
        with contextlib.suppress(OSError):
            answer = http(f"{address.url}/view", headers={"Authorization": f"Bearer {address.token}"})
            return dict(answer.json["state"]) if answer.status == 200 else {}
        return {}

    def tell(self, path: str) -> None:
        """Ask the node itself for something, as other programs may."""
        address = read_address(self.data_dir)
        assert address is not None
        headers = {"Authorization": f"Bearer {address.token}", "Content-Type": "application/json"}
        answer = http(f"{address.url}{path}", b"{}", headers)
        assert answer.status < 300, answer

    def known_state(self) -> dict[str, Any]:
        """Return the node's state as soon as it tells it."""
        return wait_until(self.state, "the node's answer", 90)

    def wait_for(self, **values: object) -> None:
        """Wait until the node's state has these values."""

        def is_so() -> bool:
            state = self.state()
            return all(name in state and state[name] == value for name, value in values.items())

        wait_until(is_so, str(values), 90)

    def wait_for_snooze(self, name: str, before: float, seconds: float | None) -> None:
        """Wait until the node rests so long, after having been asked to at `before` or later, or until morning."""

        def is_so() -> bool:
            until = self.state().get(name)
            if until is None:
                return False
            if seconds is None:
                return time.localtime(until)[3:5] == (7, 0)
            return bool(before <= until - seconds <= time.time())

        wait_until(is_so, f"{name} of {seconds}", 90)

    def confirm_the_link(self) -> None:
        """Let a person say yes to the invite link that the window shows, until the node is online."""
        window = self.open_window()
        self.wait_for_focus(window)
        self.node_pid()
        wait_until(lambda: self.phase() == "unenrolled", "a node", 90)
        wait_until(lambda: self._press_until_joined("Return"), "joining", 120)

    def _press_until_joined(self, key: str) -> bool:
        """Press the button that has the focus, as soon as it can be pressed."""
        if self.phase() == "unenrolled":
            self.desktop.keys(key)
        return self.phase() == "online"

    def wait_for_focus(self, window: str) -> None:
        wait_until(lambda: self.desktop.focus() == window, "the focus")

    def wait_for_question(self, window: str) -> None:
        """Wait until another window than this one has the keyboard."""
        wait_until(lambda: len(self.desktop.windows("--class", "rma-mesh")) > 1, "the question")
        wait_until(lambda: self.desktop.focus() not in ("", window), "the question's focus")

    def wait_for_end(self, process: subprocess.Popen[bytes]) -> None:
        """Wait for a good end that leaves nothing: no program, no icon."""
        assert process.wait(120) == 0
        wait_until(lambda: not self.left(), "the end of its programs")
        wait_until(lambda: not self.desktop.tray_icons(), "the icon's end")

    def close_window(self) -> str:
        """Close the window as its title bar's button does; return its id."""
        window = self.open_window()
        self.wait_for_focus(window)
        self.desktop.keys("alt+F4")
        return window

    def left(self) -> list[int]:
        """Return the processes that have our data directory in their command line."""
        return [p.pid for p in psutil.process_iter(["cmdline"]) if str(self.data_dir) in (p.info["cmdline"] or [])]


@pytest.fixture
def screen() -> Iterator[Desktop]:
    with desktop() as made:
        yield made


@pytest.fixture
def app(screen: Desktop, tmp_path: Path) -> Iterator[DesktopApp]:
    made = DesktopApp(screen, tmp_path / "volunteer")
    made.data_dir.mkdir()
    yield made
    for process in made.started:
        end(process)
    for pid in made.left():
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(pid).kill()


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[RealMesh]:
    made = RealMesh(tmp_path)
    try:
        made.start_coordinator()
        yield made
    finally:
        made.stop()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where a test leaves its screenshots: a folder that may be given, to look at them."""
    folder = Path(os.environ.get("RMA_TEST_PICTURES", tmp_path / "pictures"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
