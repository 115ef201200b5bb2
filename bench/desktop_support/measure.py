"""Runs the app and what it is compared with on a display of their own, and measures them."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from app.control_client import read_address
from bench.desktop_support import mesh_frames
from bench.desktop_support.mesh_frames import Frames
from bench.desktop_support.processes import loads, memory
from bench.desktop_support.results import Busy, Rest, Start
from tests.support.dbus import bus_daemon
from tests.support.desktop import Desktop, end, wait_until
from tests.support.real_mesh import RealMesh
from tests.support.status_notifier import status_notifier_host

ROOT = Path(__file__).parents[2]
SUPPORT = "bench.desktop_support"
DEADLINE = 90.0  # seconds
LOG = "programs.log"
LOOK = 0.002  # seconds between two looks whether a panel has the icon
ORDINARY = ("--worker-heartbeat", "30", "--worker-stale", "90")
NODE = {"RMA_PORT": "0", "RMA_DHT_PORT": "0", "RMA_KEYRING": "false", "RMA_VPN": "off", "RMA_NAME": "Reception PC"}


@dataclass
class Site:
    """A display with a tray, and a folder; what is started here is ended here."""

    desktop: Desktop
    folder: Path
    count: int = 0
    programs: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, module: str, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        with (self.folder / LOG).open("ab") as log:
            program = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                cwd=ROOT,
                env={**self.desktop.environment, **NODE, "PYTHONPATH": str(ROOT), **environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        self.programs.append(program)
        return program

    def place(self, name: str) -> Path:
        """Make a new name for a folder or file."""
        self.count += 1
        return self.folder / f"{name}-{self.count}"

    def data_dir(self) -> Path:
        made = self.place("volunteer")
        made.mkdir()
        return made

    def stop(self) -> None:
        for program in reversed(self.programs):
            end(program)


@contextlib.contextmanager
def site(desktop: Desktop, folder: Path) -> Iterator[Site]:
    made = Site(desktop, folder)
    try:
        yield made
    finally:
        made.stop()


# --- what a watcher wrote ---------------------------------------------------------------------------------------


def events(report: Path, kind: str) -> list[dict[str, Any]]:
    """Read the lines of one kind; the last line may be half written."""
    lines = report.read_text("utf-8").splitlines(keepends=True) if report.exists() else []
    found = [json.loads(line) for line in lines if line.endswith("\n")]
    return [one for one in found if one["event"] == kind]


def first(report: Path, kind: str, program: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Wait for the first line of a kind; a program that ends before it tells why."""

    def found() -> list[dict[str, Any]]:
        assert program.poll() is None, f"it ended: {(report.parent / LOG).read_text('utf-8', 'replace')[-2000:]}"
        return events(report, kind)

    return wait_until(found, f"{kind} in {report.name}", DEADLINE)[0]


# --- start ------------------------------------------------------------------------------------------------------


def starts(at: Site, rounds: int) -> list[Start]:
    """Measure how soon a window and an icon are seen; the programs take turns."""
    bare = f"{SUPPORT}.bare_window"
    found: dict[str, list[Start]] = {}
    for _ in range(rounds):
        for one in (
            _start(at, "bare PySide6 window", bare),
            _start(at, "app", f"{SUPPORT}.watched", "--data-dir", str(at.data_dir())),
            _start(at, "app --minimized", f"{SUPPORT}.watched", "--data-dir", str(at.data_dir()), "--minimized"),
            _start_beside_panel(at),
        ):
            found.setdefault(one.program, []).append(one)
    return [_middle(several) for several in found.values()]


def _start(at: Site, name: str, module: str, *arguments: str) -> Start:
    """Start a program beside a tray of X11."""
    report = at.place("report")
    began = time.monotonic()
    program = at.start(module, str(report), *arguments)
    tray = first(report, "tray", program)
    window = first(report, "painted", program) if "--minimized" not in arguments else None
    end(program)
    return Start(
        name,
        window["at"] - began if window else None,
        window["cpu"] if window else None,
        tray["at"] - began,
        tray["cpu"],
        tuple(window["packages"]) if window else (),
    )


def _start_beside_panel(at: Site) -> Start:
    """Start the app beside a panel that takes icons in over D-Bus."""
    folder = at.place("bus")
    folder.mkdir()
    with bus_daemon(folder) as bus, status_notifier_host(bus.address) as host:
        began = time.monotonic()
        program = at.start(
            "app", "--data-dir", str(at.data_dir()), "--minimized", DBUS_SESSION_BUS_ADDRESS=bus.address
        )  # fmt: skip
        while not host.items and time.monotonic() < began + DEADLINE:
            time.sleep(LOOK)
        seconds = time.monotonic() - began
        cpu = psutil.Process(program.pid).cpu_times()
        end(program)
    return Start("app --minimized, StatusNotifier", None, None, seconds, cpu.user + cpu.system, ())


def _middle(several: Sequence[Start]) -> Start:
    def median(name: str) -> float | None:
        values = [value for one in several if (value := getattr(one, name)) is not None]
        return statistics.median(values) if values else None

    last = several[-1]
    return Start(
        last.program, median("window"), median("window_cpu"), median("tray"), median("tray_cpu"), last.packages
    )  # fmt: skip


# --- at rest ----------------------------------------------------------------------------------------------------


def rests(at: Site, settle: float, watch: float) -> list[Rest]:
    """Measure app and node, a member of a small mesh, after they had time to settle; and the bare programs."""
    mesh = RealMesh(at.place("mesh"))
    mesh.folder.mkdir()
    try:
        mesh.start_coordinator(*ORDINARY)
        link = mesh.invite(2)
        flags = ("--worker-heartbeat", "30", "--dht-republish", "60")
        mesh.start_node("other", link, *flags)
        mesh.start_node("here", link, *flags).stop()  # it is enrolled, and the app's from now on
        return [
            *_bare(at, settle, watch),
            *_shown_and_closed(at, mesh.folder / "here", settle, watch),
            *_never_shown(at, mesh.folder / "here", settle, watch),
        ]
    finally:
        mesh.stop()


def _bare(at: Site, settle: float, watch: float) -> list[Rest]:
    window = at.start(f"{SUPPORT}.bare_window", str(at.place("report")))
    server = at.start(f"{SUPPORT}.bare_server")
    time.sleep(min(settle, 10.0))
    found = _costs({"bare PySide6 window": window.pid, "bare aiohttp server": server.pid}, watch)
    end(window)
    end(server)
    return found


def _shown_and_closed(at: Site, data_dir: Path, settle: float, watch: float) -> list[Rest]:
    app = at.start("app", "--data-dir", str(data_dir))
    node = node_of(at, data_dir)
    time.sleep(settle)
    shown = _costs({"app, window shown": app.pid, "node, window shown": node}, watch)
    at.desktop.keys("alt+F4")
    wait_until(lambda: not windows(at), "the window's end", DEADLINE)
    time.sleep(settle / 4)
    closed = _costs({"app, window closed": app.pid, "node, window closed": node}, watch)
    end(app)
    return [*shown, *closed]


def _never_shown(at: Site, data_dir: Path, settle: float, watch: float) -> list[Rest]:
    app = at.start("app", "--data-dir", str(data_dir), "--minimized")
    node = node_of(at, data_dir)
    time.sleep(settle)
    found = _costs({"app, window never shown": app.pid, "node, window never shown": node}, watch)
    end(app)
    return found


def _costs(pids: Mapping[str, int], watch: float) -> list[Rest]:
    held = [memory(pid) for pid in pids.values()]
    spent = loads(list(pids.values()), watch)
    return [Rest(name, *cost) for name, cost in zip(pids, zip(held, spent, strict=True), strict=True)]


def node_of(at: Site, data_dir: Path) -> int:
    """Wait until the node of a data directory serves; return its process."""
    address = wait_until(lambda: read_address(data_dir), "the node's control API", DEADLINE)
    assert address is not None
    wait_until(at.desktop.tray_icons, "the tray icon", DEADLINE)
    return address.pid


def windows(at: Site) -> list[str]:
    return at.desktop.windows("--name", "^RMA Mesh$")


# --- very much happens ------------------------------------------------------------------------------------------


def busy(at: Site, rate: float, seconds: float) -> list[Busy]:
    """Measure the app while its node has so many changes to tell each second."""
    return [
        _busy(at, f"{rate:,.0f} changes/s{told}, window {seen}", rate, seconds, each=each, shown=seen == "shown")
        for each, told in ((False, ""), (True, ", each told"))
        for seen in ("shown", "hidden")
    ]


def _busy(at: Site, what: str, rate: float, seconds: float, *, each: bool, shown: bool) -> Busy:
    data_dir, report = at.data_dir(), at.place("report")
    words = ("--data-dir", str(data_dir), "--rate", str(rate), *(("--each",) if each else ()))
    node = at.start(f"{SUPPORT}.busy_node", *words)
    wait_until(lambda: read_address(data_dir), "the busy node", DEADLINE)
    words = ("--data-dir", str(data_dir), "--attach-only", *(() if shown else ("--minimized",)))
    app = at.start(f"{SUPPORT}.watched", str(report), *words)
    first(report, "painted" if shown else "tray", app)
    time.sleep(min(5.0, seconds))  # the start is over
    before = len(events(report, "frame"))
    app_load, node_load = loads([app.pid, node.pid], seconds)
    frames = (len(events(report, "frame")) - before) / seconds
    end(app)
    end(node)
    return Busy(what, app_load.percent, node_load.percent, frames)


# --- the map of the mesh ------------------------------------------------------------------------------------------


def frames(at: Site, workers: Sequence[int]) -> list[Frames]:
    """Measure the map's frames in a process of its own, on the display."""
    program = [sys.executable, str(Path(mesh_frames.__file__)), "--json", *(str(count) for count in workers)]
    answer = subprocess.run(
        program, cwd=ROOT, env=dict(at.desktop.environment), check=True, capture_output=True, timeout=600
    )  # fmt: skip
    return [Frames(**one) for one in json.loads(answer.stdout)]


def environment() -> str:
    """Say on what this was measured."""
    return f"{os.cpu_count()} cores, Python {sys.version.split()[0]}, {sys.platform}"
