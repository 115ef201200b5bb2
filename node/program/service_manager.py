"""Speaks with the service manager that started us (systemd): ready, reloading, alive, stopping; takes its sockets.

The protocol is a datagram to the socket that NOTIFY_SOCKET names (sd_notify(3)), and open files from number 3 on
(sd_listen_fds(3)). Where nobody manages us, all of it does nothing.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import AsyncIterator, MutableMapping
from dataclasses import dataclass
from typing import Final

from node.program.errors import EXIT_USAGE, UserFacingError
from node.program.tasks import TaskSet

FIRST_SOCKET: Final = 3
MOST_SOCKETS = 64
SPARE = 60.0  # seconds for what comes after a wait
NAMES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")


@dataclass(frozen=True, slots=True)
class ServiceManager:
    """Who started us; without an address nobody hears what we say."""

    address: str = ""
    watchdog: float = 0.0  # seconds of silence after which it ends us; 0: it does not
    listeners: tuple[socket.socket, ...] = ()  # TCP sockets that it opened for us, and keeps open when we end

    def ready(self, status: str = "") -> None:
        """Say that we serve from now on, also after `reloading`."""
        self._say("READY=1", *([f"STATUS={status}"] if status else []))

    def starting(self, status: str, seconds: float) -> None:
        """Say that the start waits for something, and may take so much longer."""
        self._say(f"STATUS={status}", f"EXTEND_TIMEOUT_USEC={int((seconds + SPARE) * 1e6)}")

    def reloading(self) -> None:
        """Say that settings are being read anew; `ready` ends that."""
        self._say("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, status: str = "") -> None:
        """Say that we end."""
        self._say("STOPPING=1", *([f"STATUS={status}"] if status else []))

    async def alive(self) -> None:
        """Say that our loop turns; to be called twice in each `watchdog` seconds."""
        self._say("WATCHDOG=1")

    def _say(self, *lines: str) -> None:
        if not self.address:
            return
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        text = "\n".join(line.replace("\n", " ") for line in lines)
        with (
            contextlib.suppress(OSError),  # it may be gone; what we do matters more than who hears of it
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line,
        ):
            line.setblocking(False)
            line.sendto(text.encode(), address)


@contextlib.asynccontextmanager
async def answering(manager: ServiceManager) -> AsyncIterator[None]:
    """Tell the service manager that our loop turns, where it wants to know."""
    tasks = TaskSet("service manager")
    if manager.watchdog:
        tasks.every(manager.watchdog / 3, manager.alive, "watchdog")
    try:
        yield
    finally:
        await tasks.stop()


def take_service_manager(environment: MutableMapping[str, str]) -> ServiceManager:
    """Return who manages us, and take it out of the environment, for programs that we start are not meant.

    Raise UserFacingError for sockets that are none for us.
    """
    given = {name: environment.pop(name, "") for name in NAMES}
    if not hasattr(socket, "AF_UNIX") or os.name != "posix":
        return ServiceManager()
    address = given["NOTIFY_SOCKET"]
    watched = given["WATCHDOG_PID"] in ("", str(os.getpid()))
    count = _number(given["LISTEN_FDS"]) if given["LISTEN_PID"] == str(os.getpid()) else 0
    return ServiceManager(
        address=address if address[:1] in ("/", "@") else "",
        watchdog=_number(given["WATCHDOG_USEC"]) / 1e6 if watched else 0.0,
        listeners=tuple(_listener(FIRST_SOCKET + number) for number in range(min(count, MOST_SOCKETS))),
    )


def _listener(number: int) -> socket.socket:
    try:
        os.set_inheritable(number, False)
        listener = socket.socket(fileno=number)
    except OSError as error:
        raise _refusal(number, f"The system says: {error.strerror or error}.") from None
    is_tcp = listener.family in (socket.AF_INET, socket.AF_INET6) and listener.type == socket.SOCK_STREAM
    if not is_tcp or not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        listener.close()
        raise _refusal(number, "It is not a TCP socket that listens.")
    listener.setblocking(False)
    return listener


def _refusal(number: int, why: str) -> UserFacingError:
    return UserFacingError(
        f"The socket that the service manager gives (file {number}) cannot be used.",
        why,
        "Give it ListenStream=ADDRESS:PORT and Accept=no in its .socket unit.",
        EXIT_USAGE,
    )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0
