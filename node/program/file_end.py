"""The end of a file that somebody else writes, who may put anything in its place: a pipe, a device, a link."""

from __future__ import annotations

import os
import stat
from pathlib import Path

# A pipe that nobody writes must not make us wait; Windows has none of these.
FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
NO_LINK = getattr(os, "O_NOFOLLOW", 0)


def end_of(path: Path, size: int) -> tuple[bytes, bool]:
    """Return at most so many bytes from the end of a plain file, and whether it has more; raise OSError."""
    with open(os.open(path, FLAGS | NO_LINK), "rb") as file:  # noqa: PTH123 - a Path opens with no flags
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise OSError(f"{path.name} is no plain file")
        file.seek(max(0, about.st_size - size))
        return file.read(size), about.st_size > size
