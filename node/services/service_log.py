"""A service's output in a file that cannot grow without end."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

MAX_BYTES = 1024 * 1024  # of each of the two files


class ServiceLog:
    """Appends lines to `path`; a full file becomes `path.1` and the one before it is forgotten. Thread-safe."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._lock = threading.Lock()

    def write(self, line: bytes) -> None:
        """Append one line; a full disk must not stop the service, so errors of the file system are dropped."""
        with self._lock, contextlib.suppress(OSError):
            if self._path.exists() and self._path.stat().st_size + len(line) > self._max_bytes:
                self._path.replace(self._path.with_name(self._path.name + ".1"))
            with self._path.open("ab") as file:
                file.write(line[: self._max_bytes])
