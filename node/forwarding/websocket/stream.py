"""A connection inside a WebSocket: a transport to the protocol in it, and the protocol of the connection below."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from typing import Any

from node.forwarding.http1 import kernel
from node.forwarding.websocket.frames import (
    BINARY,
    CLOSE,
    KEY,
    LARGEST,
    PING,
    PONG,
    BadFrame,
    Code,
    Frames,
    close_code,
    frame_header,
    masked,
)

Data = bytes | bytearray | memoryview
GOODBYE = 2.0  # seconds, twice, that the other side gets to confirm that a stream has ended
STALLED = 20  # times as long without a byte taken of what was said before
SMALL = 16 * 1024  # bytes up to which copying costs less than another write
DRAWN = 1024  # keys that are drawn at once: asking the system for each would cost more


class Keys:
    """Random keys to mask frames with (RFC 6455 §5.3)."""

    __slots__ = ("_at", "_drawn")

    def __init__(self) -> None:
        self._drawn = b""
        self._at = 0

    def take(self) -> bytes:
        at = self._at
        if at >= len(self._drawn):
            self._drawn, at = os.urandom(KEY * DRAWN), 0
        self._at = at + KEY
        return self._drawn[at : at + KEY]


class WebSocketStream(asyncio.Protocol, asyncio.Transport):
    """Belongs to the protocol that was attached; until there is one, nothing may be said on it.

    It has no half-close: `close` says that all has been said (1000), and whatever still comes is thrown away. The
    protocol inside loses it without an error then, or where the other side has said so; any other end is a reset.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        *,
        client: bool,
        private: bool = False,
        peer: str = "relay",
        ended: Callable[[WebSocketStream], None] = lambda _stream: None,
    ) -> None:
        """`client` tells whether we have opened the connection; `peer` is shown as the other side's address.

        In a `private` one, between programs of ours on one machine, nobody masks anything.
        `ended` is called once, when the connection below is gone.
        """
        super().__init__()
        self._below = transport
        self._frames = Frames(masked=not (client or private))
        self._keys = Keys() if client and not private else None
        self._inner: asyncio.Protocol | None = None
        self._peer = peer
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._paused = self._closing = self._broken = self.lost = False
        self._code: int = Code.NONE  # with which the other side has ended the stream
        self._heard, self._asked = True, False
        self._unsent, self._stalled = -1, 0
        self.write_paused = False

    def begin(self, early: bytes = b"") -> None:
        """Take the connection over, with what has come on it already."""
        self._below.set_protocol(self)
        self._below.resume_reading()
        if early:
            self.data_received(early)

    def attach(self, inner: asyncio.Protocol) -> None:
        """Carry the bytes of this protocol."""
        self._inner = inner
        inner.connection_made(self)
        if self.write_paused:
            inner.pause_writing()

    def beat(self) -> None:
        """Ask whether the other side is there, where nothing came since the last call; cut it if it is not."""
        if self._paused or self.write_paused or self._closing:
            return  # nothing can be said of it: others keep the time
        if self._heard:
            self._heard = self._asked = False
        elif self._asked:
            self.abort()
        else:
            self._asked = True
            self._send(PING, b"")

    # As a transport, to the protocol inside

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "peername":
            return (self._peer, 0)
        return True if name == kernel.FRAMED else self._below.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, asyncio.Protocol)
        self._inner = protocol

    def write(self, data: Data) -> None:
        if self._closing or self.lost or not data:
            return
        size = len(data)
        if size <= LARGEST:
            self._write_frame(data, size)
            return
        view = memoryview(data)
        for at in range(0, size, LARGEST):
            self._write_frame(view[at : at + LARGEST], min(LARGEST, size - at))

    def writelines(self, list_of_data: Iterable[Data]) -> None:
        self.write(b"".join(list_of_data))

    def get_write_buffer_size(self) -> int:
        return self._below.get_write_buffer_size()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._below.get_write_buffer_limits()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._below.set_write_buffer_limits(high, low)

    def can_write_eof(self) -> bool:
        return False

    def is_closing(self) -> bool:
        return self._closing or self._code != Code.NONE or self._below.is_closing()

    def is_reading(self) -> bool:
        return not self._paused

    def pause_reading(self) -> None:
        if not (self._paused or self._closing):
            self._paused = True
            self._below.pause_reading()

    def resume_reading(self) -> None:
        if not self._paused:
            return
        self._paused = False
        if self._code != Code.NONE:
            self._below.close()
        elif not self._below.is_closing():
            self._below.resume_reading()

    def close(self) -> None:
        """Say that this is all, when it has been sent."""
        if self._closing or self.lost:
            return
        self._closing = True
        if self._code != Code.NONE:
            self._below.close()
            return
        self._say_goodbye(Code.NORMAL)
        if self._paused:  # to hear that the other side has understood
            self._paused = False
            self._below.resume_reading()

    def abort(self) -> None:
        self._closing = True
        self._below.abort()

    # As the protocol of the connection below

    def data_received(self, data: bytes) -> None:
        self._heard = True
        try:
            content = self._frames.feed(data)
        except BadFrame:
            self._break()
            return
        if content and not self._closing:
            if self._inner is None:
                self._break()  # nobody asked
                return
            self._inner.data_received(content)
        if self._frames.controls:
            controls, self._frames.controls = self._frames.controls, []
            for opcode, payload in controls:
                self._control(opcode, payload)

    def eof_received(self) -> None:
        """Let the transport close: without a word before it this is no good end."""

    def pause_writing(self) -> None:
        self.write_paused = True
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        self.write_paused = False
        if self._inner is not None:
            self._inner.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        if self.lost:
            return
        self.lost = True
        if self._timer is not None:
            self._timer.cancel()
        good = not self._broken and (self._closing or self._code == Code.NORMAL)
        try:
            if self._inner is not None:
                self._inner.connection_lost(None if good else error or ConnectionResetError("the stream broke"))
        finally:
            self._ended(self)

    # Inner workings

    def _write_frame(self, data: Data, size: int) -> None:
        if self._keys is not None:
            key = self._keys.take()
            if size <= SMALL:
                self._below.write(frame_header(BINARY, size, key) + masked(data, key))
            else:
                self._below.writelines((frame_header(BINARY, size, key), masked(data, key)))
        elif size <= SMALL:
            self._below.write(frame_header(BINARY, size) + data)
        else:
            self._below.writelines((frame_header(BINARY, size), data))

    def _send(self, opcode: int, payload: bytes) -> None:
        key = self._keys.take() if self._keys is not None else b""
        self._below.write(frame_header(opcode, len(payload), key) + (masked(payload, key) if key else payload))

    def _control(self, opcode: int, payload: bytes) -> None:
        if opcode == PING and not (self._closing or self.write_paused):  # who does not read gets no more of them
            self._send(PONG, payload)
        elif opcode == CLOSE and not self.lost:
            self._code = close_code(payload)
            if not self._closing:
                self._say_goodbye(Code.NORMAL if self._code == Code.NORMAL else Code.PROTOCOL_ERROR)
            if not self._paused:  # else there is still something in front of the end that is not wanted yet
                self._below.close()

    def _say_goodbye(self, code: int) -> None:
        self._send(CLOSE, code.to_bytes(2, "big"))
        self._timer = self._loop.call_later(GOODBYE, self._overdue)

    def _overdue(self) -> None:
        """Cut a connection whose other side does not confirm its end, but not what it only takes slowly.

        Below TLS there is another buffer, of which nothing is told; while it holds something, so does the kernel,
        but for moments: that there is nothing must be seen twice.
        """
        unsent = self._below.get_write_buffer_size() + kernel.unsent(self._below)
        self._stalled = self._stalled + 1 if unsent == self._unsent else 0
        self._unsent = unsent
        if self._stalled < (STALLED if unsent else 1):
            self._timer = self._loop.call_later(GOODBYE, self._overdue)
        elif unsent:
            self._below.abort()
        else:  # what its system has it may still read: with TLS, only if we part in good order
            self._below.close()

    def _break(self) -> None:
        """Give up a connection on which something else came than there may be."""
        self._broken = True
        if not (self._closing or self.write_paused):
            self._send(CLOSE, Code.PROTOCOL_ERROR.to_bytes(2, "big"))
        self._below.abort()
