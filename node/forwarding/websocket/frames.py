"""The framing of a WebSocket that carries a stream of bytes (RFC 6455 §5): strict, without I/O.

Where a frame ends means nothing to a stream, so content is given out as it comes and no frame is ever held.
"""

from __future__ import annotations

from enum import IntEnum

from aiohttp._websocket.helpers import websocket_mask

LARGEST = 64 * 1024  # bytes of content in a frame of ours: proxies may hold whole frames
MOST_CONTROL = 125  # bytes
MOST_AT_ONCE = 64  # control frames in what is read at once: each costs an answer, and nobody needs more than one
KEY = 4  # bytes

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
FIN, OPCODE, RESERVED, MASKED, SIZE = 0x80, 0x0F, 0x70, 0x80, 0x7F


class Code(IntEnum):
    """Why a stream ends (RFC 6455 §7.4.1); anything but NORMAL means that it broke."""

    NONE = 0
    NORMAL = 1000
    PROTOCOL_ERROR = 1002
    UNSAID = 1005


class BadFrame(Exception):  # noqa: N818 - it is what came
    """What came is no framing of a byte stream; nothing behind it can be read."""


class Frames:
    """Reads what the other side sends; `masked` tells whether that is a client, which masks everything.

    `controls` gathers pings, pongs and the closing frame, which stand beside the content: opcode and payload.
    """

    __slots__ = ("_key", "_left", "_masked", "_more", "_partial", "_shut", "controls")

    def __init__(self, *, masked: bool) -> None:
        self.controls: list[tuple[int, bytes]] = []
        self._masked = masked
        self._partial = b""  # the beginning of a header, or of a control frame
        self._left = 0  # bytes of content in the present frame that have not come
        self._key = b""
        self._more = False  # the present message goes on in another frame
        self._shut = False

    def feed(self, data: bytes) -> bytes:
        """Return the content in the next bytes; raise BadFrame."""
        if self._partial:
            data, self._partial = self._partial + data, b""
        pieces: list[bytes | bytearray] = []
        at, size = 0, len(data)
        while at < size and not self._shut:
            if not self._left:
                after = self._header(data, at)
                if after < 0:
                    self._partial = data[at:]
                    break
                at = after
                continue
            end = min(size, at + self._left)
            pieces.append(self._open(data, at, end))
            self._left -= end - at
            at = end
        if len(pieces) == 1:
            return bytes(pieces[0])
        return b"".join(pieces)

    def _header(self, data: bytes, at: int) -> int:
        """Read a frame's header, and a control frame whole; return where it ends, or -1 while it is not there."""
        if len(data) - at < 2:
            return -1
        first, second = data[at], data[at + 1]
        if first & RESERVED or bool(second & MASKED) is not self._masked:
            raise BadFrame("A frame has a reserved bit, or a mask that should not be there, or none.")
        size, at = second & SIZE, at + 2
        if size > MOST_CONTROL:
            width = 2 if size == MOST_CONTROL + 1 else 8
            if len(data) - at < width:
                return -1
            size, at = int.from_bytes(data[at : at + width], "big"), at + width
            if size >> 63:
                raise BadFrame("A frame is longer than there may be.")
        if self._masked:
            if len(data) - at < KEY:
                return -1
            self._key, at = data[at : at + KEY], at + KEY
        if first & OPCODE >= CLOSE:
            return self._control(first, data, at, size)
        self._check_order(first)
        self._more = not first & FIN
        self._left = size
        return at

    def _check_order(self, first: int) -> None:
        expected = CONTINUATION if self._more else BINARY
        if first & OPCODE != expected:
            raise BadFrame("A frame is neither binary nor the next part of one that is.")

    def _control(self, first: int, data: bytes, at: int, size: int) -> int:
        if size > MOST_CONTROL or not first & FIN or first & OPCODE > PONG:
            raise BadFrame("A control frame is too long, in parts, or of an unknown kind.")
        if len(self.controls) >= MOST_AT_ONCE:
            raise BadFrame("There are far too many control frames.")
        if len(data) - at < size:
            return -1
        self.controls.append((first & OPCODE, bytes(self._open(data, at, at + size))))
        self._shut = first & OPCODE == CLOSE  # nothing may follow
        return at + size

    def _open(self, data: bytes, at: int, end: int) -> bytes | bytearray:
        if not self._masked:
            return data[at:end]
        opened = bytearray(memoryview(data)[at:end])
        websocket_mask(self._key, opened)
        turn = (end - at) % KEY
        if turn:
            self._key = self._key[turn:] + self._key[:turn]
        return opened


def frame_header(opcode: int, size: int, key: bytes = b"") -> bytes:
    """Return the header of a frame that is a whole message; with a key its payload has to be `masked` with it."""
    flag, first = MASKED if key else 0, FIN | opcode
    if size <= MOST_CONTROL:
        return bytes((first, flag | size)) + key
    if size <= 0xFFFF:
        return bytes((first, flag | MOST_CONTROL + 1)) + size.to_bytes(2, "big") + key
    return bytes((first, flag | MOST_CONTROL + 2)) + size.to_bytes(8, "big") + key


def masked(data: bytes | bytearray | memoryview, key: bytes) -> bytearray:
    """Return data as a client has to send it."""
    hidden = bytearray(data)
    websocket_mask(key, hidden)
    return hidden


def close_code(payload: bytes) -> int:
    """Return the code in the payload of a closing frame."""
    return int.from_bytes(payload[:2], "big") if len(payload) >= 2 else Code.UNSAID
