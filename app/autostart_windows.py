"""Start at login on Windows: a value below the user's own Run key. Never run on Windows so far.

Task Manager and Settings switch such a program off beside it, under StartupApproved: there an odd first byte says
that it is off (an even one, or nothing, that it is on).
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

NAME = "RMA Mesh"
RUN = r"Software\Microsoft\Windows\CurrentVersion\Run"
APPROVED = r"Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run"
LONGEST = 260  # characters of a command that the Run key takes


class Registry(Protocol):
    """Values below HKEY_CURRENT_USER; raises OSError for what the system refuses."""

    def read(self, key: str, name: str) -> str | bytes | None:
        """Return a value, or None where there is none."""

    def write(self, key: str, name: str, value: str) -> None: ...

    def delete(self, key: str, name: str) -> None:
        """Delete a value, if it is there."""


@dataclass(frozen=True, slots=True)
class RunKey:
    """The app's value of the Run key."""

    command: Sequence[str]
    registry: Registry

    def enabled(self) -> bool:
        if not self.registry.read(RUN, NAME):
            return False
        approved = self.registry.read(APPROVED, NAME)
        return not (isinstance(approved, bytes) and approved[:1] and approved[0] % 2)

    def enable(self) -> None:
        line = subprocess.list2cmdline(self.command)
        if len(line) > LONGEST:
            raise OSError(f"Windows starts no command of more than {LONGEST} characters at login")
        self.registry.delete(APPROVED, NAME)
        self.registry.write(RUN, NAME, line)

    def disable(self) -> None:
        self.registry.delete(RUN, NAME)
        self.registry.delete(APPROVED, NAME)


class WindowsRegistry:
    """The registry itself."""

    def read(self, key: str, name: str) -> str | bytes | None:
        if sys.platform == "win32":
            import winreg

            try:
                with winreg.OpenKey(winreg.HKEY_CURRENT_USER, key) as place:
                    value = winreg.QueryValueEx(place, name)[0]
            except FileNotFoundError:
                return None
            return value if isinstance(value, str | bytes) else None
        return None

    def write(self, key: str, name: str, value: str) -> None:
        if sys.platform == "win32":
            import winreg

            with winreg.CreateKey(winreg.HKEY_CURRENT_USER, key) as place:
                winreg.SetValueEx(place, name, 0, winreg.REG_SZ, value)

    def delete(self, key: str, name: str) -> None:
        if sys.platform == "win32":
            import winreg

            try:
                with winreg.OpenKey(winreg.HKEY_CURRENT_USER, key, 0, winreg.KEY_SET_VALUE) as place:
                    winreg.DeleteValue(place, name)
            except FileNotFoundError:
                return
