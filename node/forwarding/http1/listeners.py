"""Sockets that are listened on, and how to leave them so that nobody who is connected already is turned away.

The kernel completes connections before anybody accepts them, and resets those that wait when the socket is closed.
So a server that ends first has no further ones begun, lets those under way come about, and takes all that wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import socket
import ssl
import struct
import sys
from collections.abc import Callable, Sequence

from node.forwarding.http1.keepalive import KeepAlive, watch
from node.program.accepting import accept_no_more, let_arrive
from node.program.tasks import TaskSet

BACKLOG = 4096  # thousands of workers come back within a second or two when a coordinator was restarted
SO_ATTACH_FILTER = 26
# For each segment that comes to the socket: dropped if it is a SYN without ACK, so the first of a connection.
# ("load the flags of the TCP header; keep SYN and ACK; is it SYN alone? drop it : take it", in the kernel's BPF)
NO_SYN = (
    (0x30, 0, 0, 13),
    (0x54, 0, 0, 0x12),
    (0x15, 0, 1, 0x02),
    (0x06, 0, 0, 0),
    (0x06, 0, 0, 0xFFFF_FFFF),
)


class Listeners:
    """Takes connections on bound sockets, from `start` to `leave` or `close`."""

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        new: Callable[[], asyncio.Protocol],
        *,
        tls: ssl.SSLContext | None,
        handshake_time: float,
    ) -> None:
        self._sockets = tuple(sockets)
        self._new = new
        self._tls = tls
        self._handshake_time = handshake_time if tls is not None else None
        self._servers: list[asyncio.AbstractServer] = []
        self._arrivals = TaskSet("listeners")

    async def start(self, keep_alive: KeepAlive) -> None:
        """Listen; whoever is accepted is watched in this way."""
        loop = asyncio.get_running_loop()
        for listener in self._sockets:
            watch(listener, keep_alive)
            server = await loop.create_server(
                self._new,
                sock=listener,
                ssl=self._tls,
                backlog=BACKLOG,
                ssl_handshake_timeout=self._handshake_time,
            )
            self._servers.append(server)

    async def leave(self, pause: float, *, shared: bool) -> None:
        """Take whoever is connected already, and close the sockets; `pause` is what a handshake may take.

        With `shared`, others hold the same sockets and go on: these are left as they are, and only let go of.
        """
        if not shared and sum(map(take_no_more, self._sockets)):
            await asyncio.sleep(pause)
        waiting = [one.dup() for one in self._sockets if one.fileno() >= 0]  # none where we left before
        await accept_no_more(self._sockets)
        self.close()
        arrivals = []
        for listener in waiting:
            with listener:
                arrivals += [self._arrivals.start(self._arrive(one), "arrival") for one in accepted(listener)]
        if arrivals:
            await asyncio.wait(arrivals)
        await let_arrive()

    def close(self) -> None:
        servers, self._servers = self._servers, []
        for server in servers:
            server.close()
        if os.name == "posix" or not servers:
            for listener in self._sockets:
                listener.close()

    async def stop(self) -> None:
        """Close, and wait for nobody."""
        await accept_no_more(self._sockets)
        self.close()
        await self._arrivals.stop()

    async def _arrive(self, accepted: socket.socket) -> None:
        """Serve a connection that nobody had accepted when we left."""
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(
                self._new, accepted, ssl=self._tls, ssl_handshake_timeout=self._handshake_time
            )
        except OSError:  # it went away, or its handshake failed
            accepted.close()


def take_no_more(listener: socket.socket) -> bool:
    """Have the kernel begin no further connections here; tell whether it does so.

    Clients ask again after a second: by then the socket is closed, and they are told so or find another process.
    """
    if sys.platform != "linux" or listener.fileno() < 0:
        return False
    steps = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in NO_SYN))
    program = struct.pack("HP", len(NO_SYN), ctypes.addressof(steps))
    with contextlib.suppress(OSError):
        listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
        return True
    return False


def accepted(listener: socket.socket) -> list[socket.socket]:
    """Accept all that wait."""
    found: list[socket.socket] = []
    with contextlib.suppress(OSError):  # nobody waits, or we may have no more files
        while len(found) < 2 * BACKLOG:
            with contextlib.suppress(ConnectionAbortedError):
                found.append(listener.accept()[0])
    for one in found:
        one.setblocking(False)
    return found
