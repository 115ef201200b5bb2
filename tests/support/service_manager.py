"""A stand-in for systemd: holds the listening socket, starts the coordinator with it, and hears what it says."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support.real_mesh import ENVIRONMENT, STOP_DEADLINE

HEARD = 120.0  # seconds to wait for a word
EXEC = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.environ['LISTEN_PID'] = str(os.getpid()); "
    "os.execv(sys.executable, [sys.executable, '-m', 'coordinator_server', 'serve', *sys.argv[2:]])"
)


class StandIn:
    """One service with one socket; its programs end with the context."""

    def __init__(self, folder: Path, *flags: str) -> None:
        self._folder = folder
        self._flags = flags
        self._programs: list[subprocess.Popen[bytes]] = []
        self._notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notified.bind(str(folder / "notify"))
        self._notified.settimeout(HEARD)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.heard: list[str] = []

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    @property
    def log_text(self) -> str:
        return (self._folder / "coordinator.log").read_text("utf-8", "replace")

    def start(self) -> subprocess.Popen[bytes]:
        """Start it, and return when it says that it is ready."""
        number = self.listener.fileno()
        more = {
            "LISTEN_FDS": "1",
            "NOTIFY_SOCKET": str(self._folder / "notify"),
            "WATCHDOG_USEC": "3000000",
        }
        places = ["--data-dir", str(self._folder / "coordinator"), "--dht-port", "0", "--vpn", "off"]
        with (self._folder / "coordinator.log").open("ab") as log:
            program = subprocess.Popen(
                [sys.executable, "-c", EXEC, str(number), *places, *self._flags],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                env={**ENVIRONMENT, **more},
                pass_fds=[number],
            )
        self._programs.append(program)
        self.wait_for("READY=1")
        return program

    def stop(self) -> int:
        """End the newest program as systemd does, and return its exit code."""
        self._programs[-1].terminate()
        self.wait_for("STOPPING=1")
        return self._programs[-1].wait(STOP_DEADLINE)

    def wait_for(self, word: str) -> None:
        """Return when it has said this."""
        while word not in self.heard[-1:]:
            said = self._notified.recv(4096).decode()
            self.heard.append(said.partition("\n")[0])

    def close(self) -> None:
        for program in self._programs:
            if program.poll() is None:
                program.kill()
                program.wait(STOP_DEADLINE)
        self._notified.close()
        self.listener.close()


@contextlib.contextmanager
def stand_in(folder: Path, *flags: str) -> Iterator[StandIn]:
    manager = StandIn(folder, *flags)
    try:
        yield manager
    finally:
        manager.close()
        with contextlib.suppress(FileNotFoundError):
            (folder / "notify").unlink()
