"""Reads and writes bodies in chunks (RFC 9112 §7.1), strictly; extensions and trailers are checked and dropped."""

from __future__ import annotations

import re

from node.forwarding.http1.head import TEXT, TOKEN

SIZE = re.compile(rb"([0-9A-Fa-f]{1,15}+)(?:[ \t]*+;" + TEXT + rb"*+)?\r\n")
TRAILER = re.compile(TOKEN + rb"++:" + TEXT + rb"*+\r\n")
LAST = b"0\r\n\r\n"
LINE = 4096  # bytes that a line of the framing may have
WASTE = 16 * 1024  # bytes that extensions and trailers of one body may have together
PLAIN = 18  # bytes of a size line that are no waste

# What the decoder is in the middle of.
SIZE_LINE, DATA, DATA_END, TRAILERS, COMPLETE = range(5)


class BadChunk(Exception):  # noqa: N818 - it is what the body has
    """The framing of a body is broken, so that nothing behind this point can be trusted."""


class ChunkDecoder:
    """Takes the bytes of one body as they come; `complete` then says that `rest` belongs to the next message."""

    __slots__ = ("_left", "_partial", "_state", "_waste", "rest")

    def __init__(self) -> None:
        self._state = SIZE_LINE
        self._left = 0
        self._partial = b""
        self._waste = 0
        self.rest = b""

    @property
    def complete(self) -> bool:
        return self._state == COMPLETE

    def feed(self, data: bytes) -> bytes:
        """Return the content in the next bytes of the stream; raise BadChunk."""
        if self._partial:
            data, self._partial = self._partial + data, b""
        pieces = []
        at, size = 0, len(data)
        while at < size and self._state != COMPLETE:
            if self._state == DATA:
                piece = data[at : at + self._left]
                pieces.append(piece)
                at += len(piece)
                self._left -= len(piece)
                if not self._left:
                    self._state = DATA_END
                continue
            after = self._line(data, at)
            if after < 0:
                self._partial = data[at:]
                break
            at = after
        if self._state == COMPLETE:
            self.rest = data[at:]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _line(self, data: bytes, at: int) -> int:
        """Read a line of the framing; return where it ends, or -1 while it is not whole."""
        if self._state == DATA_END:
            return self._data_end(data, at)
        end = data.find(b"\r\n", at)
        if end < 0:
            if len(data) - at >= LINE or data.find(b"\n", at) >= 0:
                raise BadChunk("A line between the chunks is too long or does not end with CR and LF.")
            return -1
        end += 2
        if end - at > LINE:
            raise BadChunk("A line between the chunks is too long.")
        if self._state == SIZE_LINE:
            self._size_line(data, at, end)
        elif end - at == 2:
            self._state = COMPLETE
        elif TRAILER.fullmatch(data, at, end):
            self._count(end - at)
        else:
            raise BadChunk("What follows the last chunk is no field.")
        return end

    def _data_end(self, data: bytes, at: int) -> int:
        if data.startswith(b"\r\n", at):
            self._state = SIZE_LINE
            return at + 2
        if len(data) - at == 1 and data[at] == 13:
            return -1
        raise BadChunk("A chunk is longer than it says.")

    def _size_line(self, data: bytes, at: int, end: int) -> None:
        found = SIZE.fullmatch(data, at, end)
        if found is None:
            raise BadChunk("A chunk does not begin with its size.")
        self._count(end - at - PLAIN)
        self._left = int(found[1], 16)
        self._state = DATA if self._left else TRAILERS

    def _count(self, wasted: int) -> None:
        self._waste += max(0, wasted)
        if self._waste > WASTE:
            raise BadChunk("There is more around the chunks than in them.")


def chunk(data: bytes) -> bytes:
    """Return data as one chunk, which must not be empty."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def chunk_parts(data: bytes) -> list[bytes]:
    """Return the same in parts, so that the data is not copied."""
    return [b"%x\r\n" % len(data), data, b"\r\n"]
