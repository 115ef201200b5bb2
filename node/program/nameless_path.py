"""Paths as texts that leave this computer: they work where they are pasted, and do not name the account."""

from __future__ import annotations

import sys
from pathlib import Path, PurePath


def nameless(path: PurePath, home: PurePath | None = None, platform: str = sys.platform) -> str:
    """Return a path with what the platform puts for the home directory, where the path is in it."""
    try:
        inside = path.relative_to(home or Path.home())
    except (ValueError, RuntimeError):  # it is elsewhere, or nobody has a home here
        return str(path)
    return str(PurePath("%USERPROFILE%" if platform == "win32" else "~") / inside)
