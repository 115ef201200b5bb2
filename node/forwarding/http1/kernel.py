"""What the kernel knows of a connection and the loop does not tell: what it has not sent, and what nobody has read.

Both matter for workers that answer without reading a large body, as simple servers do when they refuse one.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys

MOST_UNREAD = 256 * 1024  # bytes that are read of a connection that has broken
FRAMED = "framed"  # what a transport says of itself whose bytes are not as they are in its socket


def unsent(transport: asyncio.BaseTransport) -> int:
    """Return how many bytes the other side's system has not taken, as far as ours can tell (SIOCOUTQ).

    A worker that has read all that was written has none: its answer confirms them.
    """
    if sys.platform != "linux":
        return 0
    import fcntl  # the next two exist on Unix only
    import termios

    end = transport.get_extra_info("socket")
    if end is None or end.fileno() < 0:
        return 0
    try:
        return int.from_bytes(fcntl.ioctl(end.fileno(), termios.TIOCOUTQ, bytes(4)), sys.byteorder)
    except OSError:
        return 0


def unread(transport: asyncio.BaseTransport) -> bytes:
    """Return what has come on a connection before it broke, and the loop has not read.

    A worker may answer and close while we still write. Our next write then fails, and the loop gives the connection
    up although the answer is there.
    """
    end = transport.get_extra_info("socket")
    if end is None or end.fileno() < 0 or transport.get_extra_info("sslcontext") is not None:
        return b""
    if transport.get_extra_info(FRAMED):
        return b""
    data = bytearray()
    connection = socket.socket(end.family, end.type, end.proto, fileno=end.fileno())
    try:
        with contextlib.suppress(OSError):
            while len(data) < MOST_UNREAD and (piece := connection.recv(MOST_UNREAD)):
                data += piece
    finally:
        connection.detach()
    return bytes(data)
