"""Has the kernel notice peers that went without a word: a cable pulled, a router restarted, a laptop's lid closed.

Nothing tells of them where nobody sends, as on an event stream or a WebSocket, so the kernel asks now and then.
"""

from __future__ import annotations

import contextlib
import select
import socket
import sys
from collections.abc import Iterator
from typing import Any

import msgspec

# Linux, Windows and others name them alike, but for macOS, whose name for the first is another one.
IDLE = ("TCP_KEEPIDLE", "TCP_KEEPALIVE")


class KeepAlive(msgspec.Struct, frozen=True):
    """After `idle` silent seconds a peer is asked every `interval` seconds, and is dead after so many `probes`."""

    idle: int = 30
    interval: int = 15
    probes: int = 4

    @property
    def patience(self) -> int:
        """Seconds after which a peer that has vanished is given up."""
        return self.idle + self.interval * self.probes


def watch(connection: Any, keep_alive: KeepAlive) -> None:
    """Set this on a socket; on Linux, what a listening one accepts has it too. What a system lacks is left out."""
    if connection is None:  # a transport that is closed already has none
        return
    for level, option, value in options(keep_alive):
        with contextlib.suppress(OSError):
            connection.setsockopt(level, option, value)


def options(keep_alive: KeepAlive, names: object = socket) -> Iterator[tuple[int, int, int]]:
    """Give level, option and value of each option that this system has; `names` is the module that says so."""
    yield socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1
    idle = next((name for name in IDLE if hasattr(names, name)), "")
    for name, value in (
        (idle, keep_alive.idle),
        ("TCP_KEEPINTVL", keep_alive.interval),
        ("TCP_KEEPCNT", keep_alive.probes),
        ("TCP_USER_TIMEOUT", 1000 * keep_alive.patience),  # for what was sent and nobody confirms
    ):
        option = getattr(names, name, None) if name else None
        if option is not None:
            yield socket.IPPROTO_TCP, option, value


def has_left(connection: Any) -> bool:
    """Tell whether a peer that is not being read from has ended the connection, where the system can tell."""
    if sys.platform != "linux" or connection is None or connection.fileno() < 0:
        return False
    state = select.poll()
    state.register(connection.fileno(), select.POLLRDHUP)  # it may have gone before all was read that it said
    return bool(state.poll(0))
