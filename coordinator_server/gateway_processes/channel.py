"""A private line between two of our processes: whole messages over one socket of a pair, in both directions."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

import msgspec

from node.wire.messages import UNREADABLE

log = logging.getLogger(__name__)
M = TypeVar("M")
LENGTH = 4  # bytes in front of each message
MOST_UNSENT = 128 * 2**20  # bytes; who takes nothing for so long is stuck

_encode = msgspec.msgpack.Encoder().encode


class Channel(asyncio.Protocol, Generic[M]):
    """Sends and hears messages; `lost` is called once, when the line is closed or nonsense came over it."""

    def __init__(
        self,
        decoder: msgspec.msgpack.Decoder[M],
        *,
        heard: Callable[[M], None],
        lost: Callable[[], None],
        largest: int,
    ) -> None:
        self._decoder = decoder
        self._heard = heard
        self._lost = lost
        self._largest = largest
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._unsent: list[bytes] = []
        self._unsent_size = 0
        self.closed = False

    async def open(self, end: socket.socket) -> None:
        """Take over one end of a pair."""
        end.setblocking(False)
        await asyncio.get_running_loop().create_unix_connection(lambda: self, sock=end)

    def send(self, message: msgspec.Struct) -> None:
        """Send a message, or nothing on a line that is closed; those of one turn of the loop leave together."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        data = _encode(message)
        self._unsent += (len(data).to_bytes(LENGTH, "big"), data)
        self._unsent_size += len(data)
        if self._unsent_size > MOST_UNSENT:  # somebody asks for more in one turn than he can read
            self._unsent.clear()
            self._cut("too many questions")
        elif len(self._unsent) == 2:
            asyncio.get_running_loop().call_soon(self._flush)

    def close(self) -> None:
        """Send what is left, and close."""
        if self._transport is not None:
            self._flush()
            self._transport.close()

    # What the loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        while len(buffer) >= LENGTH:
            size = int.from_bytes(buffer[:LENGTH], "big")
            if size > self._largest:
                self._cut(f"a message of {size} bytes")
                return
            if len(buffer) < LENGTH + size:
                return
            message = bytes(buffer[LENGTH : LENGTH + size])
            del buffer[: LENGTH + size]
            self._hear(message)
            if self._transport is None or self._transport.is_closing():
                return

    def connection_lost(self, _error: Exception | None) -> None:
        self.closed = True
        self._lost()

    def _flush(self) -> None:
        transport, unsent, self._unsent, self._unsent_size = self._transport, self._unsent, [], 0
        if transport is None or transport.is_closing() or not unsent:
            return
        transport.write(b"".join(unsent))
        if transport.get_write_buffer_size() > MOST_UNSENT:
            self._cut("nothing, and takes nothing")

    def _hear(self, data: bytes) -> None:
        try:
            message: Any = self._decoder.decode(data)
        except UNREADABLE as error:
            self._cut(f"a message that is none: {error}")
            return
        try:
            self._heard(message)
        except Exception:
            log.exception("a message of another of our processes could not be taken")
            self._cut("a message that cannot be")

    def _cut(self, what: str) -> None:
        log.error("another of our processes sent %s; its line is cut", what)
        if self._transport is not None:
            self._transport.abort()
