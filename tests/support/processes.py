"""Looking at processes that may end between two looks."""

from __future__ import annotations

import contextlib

import psutil


def is_alive(process: psutil.Process) -> bool:
    """Return whether it runs; what has ended may stay as a zombie where nobody reaps orphans."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def living_children(*, recursive: bool = False) -> list[psutil.Process]:
    """Return the programs that this one has started and that run now."""
    return [child for child in psutil.Process().children(recursive=recursive) if is_alive(child)]
