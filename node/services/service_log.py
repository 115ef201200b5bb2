"""A service's output in a file that cannot grow without end."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

from node.program.file_end import end_of

MAX_BYTES = 1024 * 1024  # of each of the two files
MAX_LINE = 4000  # characters of a line that is shown


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


def log_of(data_dir: Path, service: str) -> Path:
    """Return where the log of a service is."""
    return data_dir / "services" / service / "service.log"


def tail(path: Path, count: int, max_bytes: int = MAX_BYTES) -> tuple[tuple[str, ...], bool]:
    """Return the last lines of a log as text, and whether there are more; blocks, and raises no OSError."""
    data, cut = b"", False
    for file in (path, path.with_name(path.name + ".1")):
        wanted = max_bytes - len(data)
        if data.count(b"\n") > count or wanted <= 0:
            cut = cut or file.exists()
            break
        part, more = _end_of(file, wanted)
        data, cut = part + data, cut or more
    lines = data.decode("utf-8", "replace").splitlines()
    if cut and len(data) >= max_bytes:
        lines = lines[1:]  # of the first one only a part was read
    return tuple(line[:MAX_LINE] for line in lines[-count:]), cut or len(lines) > count


def _end_of(path: Path, size: int) -> tuple[bytes, bool]:
    """Return at most so many bytes from the end of a file, and whether it has more."""
    try:
        return end_of(path, size)
    except OSError:
        return b"", False
