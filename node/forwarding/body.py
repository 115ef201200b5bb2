"""A client's body on its way to a worker: read once, counted, and its first 256 KiB kept for another try."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from node.wire.problems import Problem

REPLAY_BYTES = 256 * 1024


class BodyGoneError(Exception):
    """The body cannot be sent once more, because it was too large to keep or has been closed."""


class ByteSource(Protocol):
    """Where the body comes from: aiohttp's StreamReader."""

    async def readany(self) -> bytes: ...


class Body:
    """Iterate over it to send it; every new iteration begins at the first byte, while `replayable`."""

    def __init__(
        self, source: ByteSource, *, limit: int, length: int | None = None, keep: int = REPLAY_BYTES
    ) -> None:
        self._source = source
        self._limit = limit
        self._keep = keep
        self._kept: list[bytes] | None = []
        self._chunks = 0
        self._reading = asyncio.Lock()
        self._closed = False
        self.length = length  # as the client declared it; None for a chunked body
        self.received = 0
        self.complete = False
        self.waiting_for_client = False
        self.problem: Problem | None = None
        self.on_progress: Callable[[], None] | None = None

    @property
    def replayable(self) -> bool:
        return self._kept is not None and self.problem is None

    def __aiter__(self) -> BodyIterator:
        return BodyIterator(self)

    async def chunk(self, index: int) -> bytes:
        """Return one piece of the body, or b"" after the last one."""
        if self._kept is not None and index < len(self._kept):
            return self._kept[index]
        async with self._reading:
            if self._kept is not None and index < len(self._kept):
                return self._kept[index]
            if self._closed or index != self._chunks:
                raise BodyGoneError
            return b"" if self.complete else await self._read()

    async def close(self) -> None:
        """Let nobody read any more, and wait until a read in progress has been given up."""
        self._closed = True
        async with self._reading:
            pass

    async def _read(self) -> bytes:
        self.waiting_for_client = True
        try:
            data = await self._source.readany()
        except Exception as error:  # whatever it is, it is the client's doing and no worker's
            self.problem = Problem("invalid-request", "The body broke off or is not valid HTTP.")
            raise self.problem from error
        finally:
            self.waiting_for_client = False
        self.received += len(data)
        self.complete = not data or self.received == self.length
        if self.on_progress is not None:
            self.on_progress()
        if not data:
            return data
        if self.received > self._limit:
            self.problem = too_large(self._limit)
            raise self.problem
        self._chunks += 1
        self._remember(data)
        return data

    def _remember(self, data: bytes) -> None:
        if self._kept is not None:
            self._kept.append(data)
            if self.received > self._keep:
                self._kept = None


class BodyIterator:
    """One pass over a body; it holds no lock between two pieces, so that it may be dropped anywhere."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self._index = 0

    def __aiter__(self) -> BodyIterator:
        return self

    async def __anext__(self) -> bytes:
        data = await self._body.chunk(self._index)
        if not data:
            raise StopAsyncIteration
        self._index += 1
        return data


def too_large(limit: int) -> Problem:
    text = f"The body is larger than the {limit} bytes that this service takes."
    return Problem("payload-too-large", text, limit_bytes=limit)
