"""A desktop of its own for a test: X server, window manager, tray; and hands that click and type on it."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
TRAY_DEADLINE = 15.0  # seconds that one try gets
WM_CHECK = "_NET_SUPPORTING_WM_CHECK"
START_DEADLINE = 60.0  # seconds
FEW_COLOURS = 8  # of a window that is only background and frame; texts have smooth edges


def wait_until(true: Callable[[], T], what: str, deadline: float = START_DEADLINE) -> T:
    """Return the first true value; a state of another program only looking again and again can tell."""
    end = time.monotonic() + deadline
    while not (value := true()):
        assert time.monotonic() < end, f"{what} did not come true within {deadline:.0f} s"
        time.sleep(0.05)
    return value


@dataclass(frozen=True)
class Area:
    """A rectangle on the screen, in pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def centre(self) -> tuple[int, int]:
        return self.left + self.width // 2, self.top + self.height // 2


@dataclass
class Desktop:
    """One X display with its programs; every one of them ends with the context."""

    display: str
    bus: str = ""  # the address of its session bus, where it has one
    programs: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def environment(self) -> Mapping[str, str]:
        ours = {key: value for key, value in os.environ.items() if not key.startswith(("RMA_", "QT_", "DBUS_"))}
        bus = {"DBUS_SESSION_BUS_ADDRESS": self.bus} if self.bus else {}
        return {**ours, **bus, "DISPLAY": self.display, "QT_QPA_PLATFORM": "xcb", "NO_AT_BRIDGE": "1"}

    def start(self, *command: str, **environment: str) -> subprocess.Popen[bytes]:
        program = subprocess.Popen(
            command, env={**self.environment, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.programs.append(program)
        return program

    def start_tray(self, edge: str = "top") -> subprocess.Popen[bytes]:
        """Start a tray; one that does not show is ended and started again, a few times."""
        end_of_all = time.monotonic() + START_DEADLINE
        while True:
            tray = self.start(
                "trayer", "--edge", edge, "--align", "right", "--widthtype", "request", "--height", "32",
                "--SetDockType", "true", "--transparent", "false", "--tint", "0x20242a", "--alpha", "0",
            )  # fmt: skip
            try:
                wait_until(lambda: self.windows("--class", "trayer"), "the tray", TRAY_DEADLINE)
            except AssertionError:
                if time.monotonic() > end_of_all:
                    raise
                end(tray)
            else:
                return tray

    def windows(self, *search: str) -> list[str]:
        """Return the ids of visible windows that match."""
        return self._ask("xdotool", "search", "--onlyvisible", *search).split()

    def area(self, window: str) -> Area | None:
        """Return where a window is, or None where it has gone meanwhile."""
        text = self._ask("xwininfo", "-id", window)
        found = [
            re.search(pattern, text)
            for pattern in (
                r"Absolute upper-left X:\s+(-?\d+)",
                r"upper-left Y:\s+(-?\d+)",
                r"Width: (\d+)",
                r"Height: (\d+)",
            )
        ]
        numbers = [int(match[1]) for match in found if match]
        return Area(*numbers) if len(numbers) == len(found) else None

    def tray_icons(self) -> list[Area]:
        """Return where icons are embedded in the tray."""
        icons = []
        for window in self.windows("--class", "trayer"):
            tree = self._ask("xwininfo", "-tree", "-id", window)
            for child, width in re.findall(r"^\s+(0x[0-9a-f]+) [^\n]*?(\d+)x\d+\+", tree, re.MULTILINE):
                ours = "rma-mesh" in self._ask("xprop", "-id", child, "WM_CLASS", "WM_NAME").lower()
                if ours and int(width) > 1 and (area := self.area(child)):
                    icons.append(area)
        return icons

    def focus(self) -> str:
        """Return the window that has the keyboard."""
        return self._ask("xdotool", "getactivewindow").strip()

    def menu(self) -> str | None:
        """Return the window of an open menu."""
        for window in self.windows("--class", "rma-mesh"):
            if "MENU" in self._ask("xprop", "-id", window, "_NET_WM_WINDOW_TYPE"):
                return window
        return None

    def is_drawn(self, window: str) -> bool:
        """Return whether a window shows something; a menu that does has the keyboard already."""
        taken = subprocess.run(
            ["import", "-window", window, "-depth", "8", "rgb:-"],
            env=dict(self.environment), check=False, capture_output=True, timeout=120,
        )  # fmt: skip
        pixels = taken.stdout
        return len({pixels[place : place + 3] for place in range(0, len(pixels), 3)}) > FEW_COLOURS

    def click(self, place: tuple[int, int], button: int = 1) -> None:
        self._ask("xdotool", "mousemove", str(place[0]), str(place[1]), "click", str(button))

    def keys(self, *names: str) -> None:
        self._ask("xdotool", "key", "--delay", "60", *names)

    def type(self, text: str) -> None:
        self._ask("xdotool", "type", "--delay", "5", text)

    def screenshot(self, path: Path) -> None:
        subprocess.run(
            ["import", "-window", "root", str(path)], env=dict(self.environment), check=True, timeout=120
        )

    def _ask(self, *command: str) -> str:
        result = subprocess.run(
            command, check=False, env=dict(self.environment), capture_output=True, text=True, timeout=120
        )
        return result.stdout


@contextlib.contextmanager
def desktop(size: str = "1280x900", *, manager: bool = True) -> Iterator[Desktop]:
    """Start an X server on a free display number, with a window manager."""
    reader, writer = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writer), "-screen", "0", f"{size}x24", "-nolisten", "tcp", "-noreset"],
        pass_fds=(writer,),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(writer)
    with os.fdopen(reader) as pipe:
        number = pipe.readline().strip()
    made = Desktop(f":{number}", programs=[server])
    try:
        assert number, "Xvfb did not start"
        if manager:
            # The first key changes the server's keyboard to the one that xdotool plays. A window manager that is
            # there already binds its keys anew then, and would miss one that is pressed meanwhile.
            made.keys("Shift_L")
            made.start("openbox", "--sm-disable")
            # Who maps a window while it begins may never see it shown.
            wait_until(lambda: "window id" in made._ask("xprop", "-root", WM_CHECK), "the window manager")
        yield made
    finally:
        for program in reversed(made.programs):
            end(program)


def end(program: subprocess.Popen[bytes], deadline: float = 60.0) -> int:
    """End a program by its pid, if it has not ended."""
    if program.poll() is None:
        program.terminate()
        try:
            program.wait(deadline)
        except subprocess.TimeoutExpired:
            program.kill()
    return program.wait(deadline)
