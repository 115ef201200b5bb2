"""Start at login, as the system itself keeps it: nothing is remembered here, so what is shown is what is so."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import platformdirs


class Autostart(Protocol):
    """The place in which one operating system keeps what starts at login. Small files: nothing blocks for long."""

    def enabled(self) -> bool:
        """Say whether the app starts at login; raise OSError where that cannot be read."""

    def enable(self) -> None:
        """Have the app start at login; raise OSError where the system does not let us."""

    def disable(self) -> None:
        """Have it start no more, and leave nothing behind; raise OSError."""


def autostart_of_this_system(data_dir: Path | None) -> Autostart | None:
    """Return the place that suits the app with this data directory; None on a system for which there is none."""
    usual = platformdirs.user_data_dir("rma-mesh", appauthor=False)
    command = login_command(None if data_dir == Path(usual) else data_dir, os.environ)
    if sys.platform == "win32":
        from app.autostart_windows import RunKey, WindowsRegistry

        return RunKey(command, WindowsRegistry())
    if sys.platform == "darwin":
        from app.autostart_macos import LaunchAgent

        return LaunchAgent(command, Path.home() / "Library" / "LaunchAgents", working_dir(command))
    if os.name == "posix":
        from app.autostart_linux import DesktopEntry

        return DesktopEntry.of(command, os.environ, working_dir(command))
    return None


def login_command(data_dir: Path | None, environ: Mapping[str, str]) -> list[str]:
    """Return what starts the app in the tray; `data_dir` where it is not the one that the app takes by itself."""
    if environ.get("APPIMAGE"):  # the program inside lies in a place that is gone after it has ended
        program = [environ["APPIMAGE"]]
    elif getattr(sys, "frozen", False):
        program = [sys.executable]
    else:
        program = [_without_console(sys.executable), *import_path(), "-m", "app"]
    return [*program, "--minimized", *(["--data-dir", str(data_dir)] if data_dir is not None else [])]


def import_path() -> Sequence[str]:
    """Return options of Python that keep a folder at login from being imported from in place of the app."""
    return ["-P"] if is_installed() else []


def working_dir(command: Sequence[str]) -> Path | None:
    """Return where the command must start so that Python finds the app: in the checkout, if it runs from one."""
    return None if "-P" in command or "-m" not in command else Path(__file__).parents[1]


def is_installed() -> bool:
    """Tell an installed app from one that runs from a checkout."""
    return "site-packages" in Path(__file__).parts


def _without_console(executable: str) -> str:
    """Return Python without a black window, where there is one."""
    quiet = Path(executable).with_name("pythonw.exe")
    return str(quiet) if sys.platform == "win32" and quiet.exists() else executable
