"""The names of the programs that run.

On Linux /proc is read here, which takes a tenth of the time that psutil takes: some milliseconds every ten seconds.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import psutil

CUT_AT = 15  # characters that Linux keeps of a name
PROC = Path("/proc")


def programs() -> frozenset[str]:
    """Return names in lower case, those of Windows with and without `.exe`; blocks for some milliseconds."""
    names = _linux_names(PROC) if sys.platform == "linux" else _names()
    return frozenset(form for name in names for form in forms(name))


def forms(name: str) -> tuple[str, ...]:
    """Return the ways to write a program's name."""
    lower = name.lower()
    return (lower, lower.removesuffix(".exe")) if lower.endswith(".exe") else (lower,)


def _names() -> Iterator[str]:
    for process in psutil.process_iter(["name"]):
        yield process.info["name"] or ""


def _linux_names(proc: Path) -> Iterator[str]:
    for entry in os.listdir(proc):  # noqa: PTH208 - names only, and many of them
        if entry.isdecimal():
            name = _read(f"{proc}/{entry}/comm").rstrip("\n")
            yield name
            if len(name) >= CUT_AT:
                yield from _whole_names(name, _read(f"{proc}/{entry}/cmdline").split("\0"))


def _whole_names(cut: str, command: list[str]) -> Iterator[str]:
    """Yield what a name was before it was cut, from the command: the program, or the script that it runs.

    Wine shows paths of Windows there.
    """
    for word in command[:2]:
        name = PurePosixPath(word.replace("\\", "/")).name
        if name.startswith(cut):
            yield name


def _read(path: str) -> str:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - a Path costs as much as the reading
            return file.read(4096).decode("utf-8", "replace")
    except OSError:  # it has ended meanwhile
        return ""
