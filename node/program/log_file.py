"""A file of lines that grows: several processes append to it at once, and somebody may move it away at any time."""

from __future__ import annotations

import os
from pathlib import Path

# A pipe that nobody reads must not make us wait; Windows has none of these.
FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
BINARY = getattr(os, "O_BINARY", 0)


class LogFile:
    """Appends whole lines; a new file is for its owner's eyes only. Not for two threads at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1
        self._id = (0, 0)
        self._torn = False  # a part of a line was written last

    def open(self) -> None:
        """Open the file, or make it; raise OSError."""
        self.close()
        self._fd = os.open(self._path, FLAGS | BINARY, 0o600)
        there = os.fstat(self._fd)
        self._id = (there.st_dev, there.st_ino)
        self._torn = False

    def append(self, lines: bytes) -> None:
        """Append lines that end with a line feed, in one write where the system lets us; raise OSError.

        One write keeps them whole between those of other processes. A file that was moved or deleted (by logrotate,
        say) is left, and a new one begun in its place.
        """
        if not self._is_in_place():
            self.open()
        rest = memoryview(b"\n" + lines if self._torn else lines)
        while rest:
            rest = rest[os.write(self._fd, rest) :]
            self._torn = bool(rest)

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _is_in_place(self) -> bool:
        if self._fd < 0:
            return False
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return False
        return (there.st_dev, there.st_ino) == self._id
