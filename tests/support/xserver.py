"""An X server of a test's own that lets in only who has its secret."""

from __future__ import annotations

import contextlib
import os
import secrets
import struct
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

WILD = 65535
COOKIE = b"MIT-MAGIC-COOKIE-1"


@dataclass(frozen=True)
class XServer:
    """A running server, its environment for clients, and hands to use it."""

    process: subprocess.Popen[bytes]
    display: str
    environment: Mapping[str, str]
    authority: Path

    def use(self) -> None:
        """Move the mouse, as somebody who sits there."""
        for place in ("3 3", "9 9"):
            subprocess.run(
                ["xdotool", "mousemove", *place.split()],
                env={**os.environ, **self.environment}, check=True, capture_output=True, timeout=120,
            )  # fmt: skip


@contextlib.contextmanager
def x_server(folder: Path) -> Iterator[XServer]:
    """Start Xvfb on a display that it chooses itself."""
    authority = folder / "Xauthority"
    fields = (b"", b"", COOKIE, secrets.token_bytes(16))
    authority.write_bytes(
        struct.pack(">H", WILD) + b"".join(struct.pack(">H", len(field)) + field for field in fields)
    )
    reading, writing = os.pipe()
    process = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-auth", str(authority), "-screen", "0", "200x200x24", "-noreset",
         "-nolisten", "tcp"],
        pass_fds=(writing,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(writing)
    try:
        with os.fdopen(reading) as told:
            number = told.readline().strip()
        assert number, "Xvfb did not start"
        environment = {"DISPLAY": f":{number}", "XAUTHORITY": str(authority), "HOME": str(folder)}
        yield XServer(process, f":{number}", environment, authority)
    finally:
        process.kill()
        process.wait()
