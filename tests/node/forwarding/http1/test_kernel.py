"""What the kernel holds of a connection: asked of real ones."""

from __future__ import annotations

import asyncio
import socket
import sys

import pytest

from node.forwarding.http1.kernel import unread, unsent
from tests.support.http1 import DEADLINE, listening
from tests.support.waiting import eventually

SIZE = 64 * 2**20


async def connected() -> tuple[asyncio.WriteTransport, socket.socket]:
    """Return a transport that does not read, and the socket at its other end."""
    loop = asyncio.get_running_loop()
    with listening() as listener:
        transport, _ = await loop.create_connection(asyncio.Protocol, *listener.getsockname())
        transport.pause_reading()
        other, _ = await loop.sock_accept(listener)
    return transport, other


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
async def test_it_tells_what_the_other_side_does_not_take() -> None:
    transport, other = await connected()
    assert unsent(transport) == 0
    transport.write(bytes(SIZE))
    assert unsent(transport) > 0
    while transport.get_write_buffer_size():
        await asyncio.get_running_loop().sock_recv(other, 2**20)
    await drained(other)
    await eventually(lambda: unsent(transport) == 0, "all of it is taken", DEADLINE)
    transport.abort()
    other.close()


async def drained(end: socket.socket) -> None:
    """Read until there is nothing more to read."""
    got = -1
    while got:
        try:
            got = len(end.recv(2**20))
        except BlockingIOError:
            await asyncio.sleep(0.05)
            try:
                got = len(end.recv(2**20))
            except BlockingIOError:
                return


@pytest.mark.skipif(sys.platform == "win32", reason="Windows throws it away")
async def test_it_gives_what_came_before_a_connection_broke() -> None:
    transport, other = await connected()
    assert unread(transport) == b""
    other.sendall(b"last words")
    other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    other.close()
    got = b""

    def heard() -> bool:
        nonlocal got
        got += unread(transport)
        return got == b"last words"

    await eventually(heard, "they are there", DEADLINE)
    assert unread(transport) == b""
    transport.abort()


async def test_what_has_no_socket_holds_nothing() -> None:
    nowhere = asyncio.Transport()
    assert unread(nowhere) == b""
    assert unsent(nowhere) == 0
