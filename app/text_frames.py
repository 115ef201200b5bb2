"""The framing of a WebSocket on which a server tells (RFC 6455 §5): its text messages, whole; without I/O."""

from __future__ import annotations

import os

CONTINUATION, TEXT, CLOSE, PING, PONG = 0, 1, 8, 9, 10
FIN, OPCODE, RESERVED, MASKED, SIZE = 0x80, 0x0F, 0x70, 0x80, 0x7F
MOST_CONTROL = 125  # bytes
MAX_MESSAGE = 16 * 1024 * 1024  # bytes


class BadFrameError(ConnectionError):
    """What came is not what a node says; nothing behind it can be read."""


class TextFrames:
    """Takes bytes as they come. `to_send` gathers what the server is to hear; `closed`: it has said goodbye."""

    def __init__(self) -> None:
        self.closed = False
        self.to_send = b""
        self._came = bytearray()
        self._message: bytearray | None = None  # the beginning of a message in several frames

    def feed(self, data: bytes) -> list[bytes]:
        """Return the messages that are complete now; raise BadFrameError."""
        self._came += data
        messages: list[bytes] = []
        at = 0
        while not self.closed:
            frame = self._frame(at)
            if frame is None:
                break
            first, begin, at = frame
            self._take(first, bytes(self._came[begin:at]), messages)
        del self._came[:at]
        return messages

    def _frame(self, at: int) -> tuple[int, int, int] | None:
        """Return a frame's first byte, and where its payload begins and ends; None while it is not whole."""
        came = self._came
        if len(came) - at < 2:
            return None
        first, size = came[at], came[at + 1]
        if first & RESERVED or size & MASKED:
            raise BadFrameError("a frame has a reserved bit or a mask")
        width = {MOST_CONTROL + 1: 2, MOST_CONTROL + 2: 8}.get(size, 0)
        begin = at + 2 + width
        if len(came) < begin:
            return None
        if width:
            size = int.from_bytes(came[at + 2 : begin], "big")
        if size > MAX_MESSAGE or (first & OPCODE >= CLOSE and size > MOST_CONTROL):
            raise BadFrameError("a frame is too long")
        return (first, begin, begin + size) if len(came) >= begin + size else None

    def _take(self, first: int, payload: bytes, messages: list[bytes]) -> None:
        match first & OPCODE:
            case 0 | 1 as kind if (kind == TEXT) == (self._message is None):
                self._gather(payload, messages, whole=bool(first & FIN))
            case 8:
                self.closed = True
            case 9:
                self.to_send += client_frame(PONG, payload)
            case 10:
                pass  # it is there, which is all that we have asked
            case _:
                raise BadFrameError("a frame is neither text nor the next part of one that is")

    def _gather(self, payload: bytes, messages: list[bytes], *, whole: bool) -> None:
        if self._message is not None:
            self._message += payload
            if len(self._message) > MAX_MESSAGE:
                raise BadFrameError("a message is too long")
        if not whole:
            self._message = bytearray(payload) if self._message is None else self._message
            return
        messages.append(payload if self._message is None else bytes(self._message))
        self._message = None


def client_frame(opcode: int, payload: bytes = b"") -> bytes:
    """Return a small frame as a client has to send it: masked."""
    key = os.urandom(4)
    hidden = bytes(byte ^ key[place % 4] for place, byte in enumerate(payload))
    return bytes((FIN | opcode, MASKED | len(payload))) + key + hidden
