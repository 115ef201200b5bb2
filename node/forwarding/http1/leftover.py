"""What is still to come of a request's body when its answer is over: read and thrown away, as nginx does it.

To close instead would cost the client more than its connection: who is busy sending finds it reset, and may lose
the answer that has come already.
"""

from __future__ import annotations

from node.forwarding.http1.chunks import BadChunk, ChunkDecoder


class Leftover:
    """Finds the end of a body that nobody wants: one with `left` bytes to come, or one in chunks.

    Of one in chunks at most `most` bytes are taken. `end` is a time of the loop, by which all of it must have come.
    """

    __slots__ = ("_chunks", "_left", "_most", "end")

    def __init__(self, left: int, chunks: ChunkDecoder | None, most: float, end: float) -> None:
        self._left = left
        self._chunks = chunks
        self._most = most
        self.end = end

    def skip(self, data: bytes) -> bytes | None:
        """Return what follows the body in these bytes, or None while its end has not come; raise BadChunk."""
        if self._chunks is not None:
            return self._skip_chunks(self._chunks, data)
        left = self._left = self._left - len(data)
        if left > 0:
            return None
        return data[left:] if left else b""

    def _skip_chunks(self, chunks: ChunkDecoder, data: bytes) -> bytes | None:
        self._most -= len(chunks.feed(data))
        if self._most < 0:
            raise BadChunk("The body is larger than it may be.")
        return chunks.rest if chunks.complete else None
