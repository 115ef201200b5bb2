"""Runs one of our programs with a clock that can be set meanwhile: a file of eight bytes says by how many seconds.

    python -m tests.support.chaos.clocked CLOCK coordinator_server serve ...

What it sets is what Python says of the time of day; seconds that pass are real. (A library that stands before
all that a program asks its system of time has threads of Python wait for one another a hundred times as long.)
"""

from __future__ import annotations

import mmap
import runpy
import struct
import sys
import time
from pathlib import Path

AHEAD = struct.Struct("<d")


def set_clock(path: Path, seconds: float) -> None:
    """Have the clock of whoever runs with this file be so far ahead."""
    with path.open("r+b" if path.exists() else "w+b", buffering=0) as file:
        file.write(AHEAD.pack(seconds))


def main() -> None:
    path, module, *words = sys.argv[1:]
    with Path(path).open("rb") as file:
        ahead = mmap.mmap(file.fileno(), AHEAD.size, access=mmap.ACCESS_READ)
    right = time.time

    def told() -> float:
        return float(right() + AHEAD.unpack_from(ahead)[0])

    time.time = told
    sys.argv = [module, *words]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
