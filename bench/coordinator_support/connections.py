"""The least that a client needs of HTTP and WebSocket, so that ten thousand workers fit on one core.

Both sides of a measurement share two cores: what clients save is left to what is measured.
"""

from __future__ import annotations

import asyncio
import base64
import os
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

KEPT = 15.0  # seconds that a node keeps a connection on which nothing is said
LIMIT = 30.0  # seconds for an answer
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
SMALL, SHORT = 126, 127  # RFC 6455 §5.2: marks of longer lengths
MASKED = bytes(4)  # a mask that changes nothing


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, how long that took in seconds, and how many bytes went and came."""

    status: int
    head: bytes
    body: bytes
    seconds: float
    sent: int
    got: int


class BrokenError(ConnectionError):
    """A connection ended before the answer was whole."""


class Call(asyncio.Protocol):
    """A connection for requests, one after the other."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._data = bytearray()
        self._answered: asyncio.Future[tuple[int, bytes, bytes, int]] | None = None
        self._ends: asyncio.TimerHandle | None = None
        self.busy = self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._data += data
        end = self._data.find(b"\r\n\r\n")
        if end < 0 or self._answered is None or self._answered.done():
            return
        head = bytes(self._data[:end])
        size = end + 4 + length_of(head)
        if len(self._data) >= size:
            body = bytes(self._data[end + 4 : size])
            self._answered.set_result((int(head[9:12]), head, body, size))
            self._data.clear()

    def connection_lost(self, _error: Exception | None) -> None:
        self.closed = True
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(BrokenError("it was closed"))

    async def ask(self, request: bytes) -> Answer:
        """Send a request; raise BrokenError or TimeoutError. The connection ends after a while without another."""
        loop = asyncio.get_running_loop()
        assert self._transport is not None
        if self._ends is not None:
            self._ends.cancel()
        self.busy, self._answered = True, loop.create_future()
        began = time.perf_counter()  # a loop's clock may tell no more than milliseconds
        self._transport.write(request)
        try:
            async with asyncio.timeout(LIMIT):
                status, head, body, got = await self._answered
        except BaseException:
            self.close()
            raise
        self.busy = False
        self._ends = loop.call_later(KEPT, self.close)
        return Answer(status, head, body, time.perf_counter() - began, len(request), got)

    def close(self) -> None:
        self.closed = True
        if self._ends is not None:
            self._ends.cancel()
        if self._transport is not None:
            self._transport.close()


def length_of(head: bytes) -> int:
    """Return how long the body is that follows a head."""
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


async def call(host: str, port: int, request: bytes, line: Call | None) -> tuple[Answer, Call]:
    """Ask on a connection that is open still, or on a new one, as a node does; the time is that of both."""
    loop = asyncio.get_running_loop()
    began = time.perf_counter()  # a loop's clock may tell no more than milliseconds
    if line is None or line.busy or line.closed:
        _, line = await loop.create_connection(Call, host, port)
    found = await line.ask(request)
    return Answer(found.status, found.head, found.body, time.perf_counter() - began, found.sent, found.got), line


class Channel(asyncio.Protocol):
    """A WebSocket of a client; `heard` gets each text, `ended` is called when it is over."""

    def __init__(self, request: bytes, heard: Callable[[bytes], None], ended: Callable[[], None]) -> None:
        self._request = request
        self._heard = heard
        self._ended = ended
        self._data = bytearray()
        self._transport: asyncio.Transport | None = None
        self.opened: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._data += data
        if not self.opened.done():
            end = self._data.find(b"\r\n\r\n")
            if end < 0:
                return
            self.opened.set_result(int(self._data[9:12]))
            del self._data[: end + 4]
        while (frame := take_frame(self._data)) is not None:
            kind, payload = frame
            if kind == TEXT:
                self._heard(payload)
            elif kind == PING:
                self._send(PONG, payload)
            elif kind == CLOSE:
                self._send(CLOSE, payload)
                self.close()

    def connection_lost(self, _error: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(BrokenError("it was closed"))
        self._transport = None
        self._ended()

    def ping(self) -> None:
        self._send(PING, b"")

    def say(self, payload: bytes) -> int:
        """Send a text; return its size with all that carries it."""
        return self._send(TEXT, payload)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _send(self, kind: int, payload: bytes) -> int:
        size = len(payload)
        length = bytes((0x80 | size,)) if size < SMALL else bytes((0x80 | SMALL,)) + struct.pack("!H", size)
        frame = bytes((0x80 | kind,)) + length + MASKED + payload
        if self._transport is not None:
            self._transport.write(frame)
        return len(frame)


def take_frame(data: bytearray) -> tuple[int, bytes] | None:
    """Take a whole frame that is not masked off the front; None where it has not come yet."""
    if len(data) < 2:
        return None
    size, start = data[1] & 0x7F, 2
    if size == SMALL:
        if len(data) < 4:
            return None
        size, start = struct.unpack_from("!H", data, 2)[0], 4
    elif size == SHORT:
        if len(data) < 10:
            return None
        size, start = struct.unpack_from("!Q", data, 2)[0], 10
    if len(data) < start + size:
        return None
    kind, payload = data[0] & 0x0F, bytes(data[start : start + size])
    del data[: start + size]
    return kind, payload


def upgrade(path: str, host: str, lines: str) -> bytes:
    """Return the request that opens a WebSocket; `lines` are further ones of its head."""
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{lines}\r\n"
    ).encode()


class Upstream(asyncio.Protocol):
    """Answers every request at once with the same few bytes: the worker behind every simulated one."""

    ANSWER = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-RMA-Load: 0.100\r\nContent-Length: 2\r\n\r\n{}"
    )

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._data = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            size = end + 4 + length_of(bytes(self._data[:end]))
            if len(self._data) < size:
                return
            del self._data[:size]
            if self._transport is not None:
                self._transport.write(self.ANSWER)
