"""Streams of asyncio over a pipe whose calls block: two threads do the waiting.

Windows' event loops do not speak the named pipes that we need: the node's loop speaks none, the other one makes
pipes that everybody may read. So a pipe is a small object with blocking calls, which tests make of other things.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

CHUNK = 64 * 1024  # bytes
FULL = 64 * 1024  # bytes that wait to be written before whoever writes shall pause
GOODBYE = 2.0  # seconds that the last words may take

Who = TypeVar("Who")


class BytePipe(Protocol):
    """One end of a connection: one thread reads while another one writes, and `close`, wakes both."""

    def read(self, most: int) -> bytes:
        """Wait for some bytes; return none when the other end has gone; raise OSError."""
        ...

    def write(self, data: bytes) -> None:
        """Write all of it; raise OSError."""
        ...

    def close(self) -> None: ...


class PipeTransport(asyncio.Transport, Generic[Who]):
    """Feeds a protocol from a pipe; `first` tells what `identify` said once the first bytes were there."""

    def __init__(self, pipe: BytePipe, protocol: asyncio.Protocol, identify: Callable[[], Who], name: str) -> None:
        super().__init__({})
        self._pipe = pipe
        self._protocol = protocol
        self._identify = identify
        self._loop = asyncio.get_running_loop()
        self.first: asyncio.Future[Who] = self._loop.create_future()
        self._out: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._unsent = 0
        self._crowded = False
        self._wanted = threading.Event()  # the next piece; at most one is on its way
        self._paused = False
        self._closing = False
        self._over = False
        self._timer: asyncio.TimerHandle | None = None
        self._wanted.set()
        protocol.connection_made(self)
        for do in (self._read_all, self._write_all):
            threading.Thread(target=do, name=f"{name}-{do.__name__}", daemon=True).start()

    # --- what streams ask of a transport --------------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        if self._closing or not data:
            return
        self._unsent += len(data)
        self._out.put(bytes(data))
        if self._unsent > FULL and not self._crowded:
            self._crowded = True
            self._protocol.pause_writing()

    def get_write_buffer_size(self) -> int:
        return self._unsent

    def is_closing(self) -> bool:
        return self._closing

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        self._paused = False
        self._wanted.set()

    def close(self) -> None:
        """Close after what was written has gone, or after two seconds."""
        if not self._closing:
            self._closing = True
            self._out.put(None)
            self._timer = self._loop.call_later(GOODBYE, self.abort)

    def abort(self) -> None:
        """Close at once."""
        self._closing = True
        self._pipe.close()
        self._wanted.set()
        self._loop.call_soon(self._lost, None)

    # --- in the loop's thread -------------------------------------------------------------------------------------

    def _received(self, data: bytes, who: Who | None) -> None:
        if who is not None and not self.first.done():
            self.first.set_result(who)
        if self._over:
            return
        self._protocol.data_received(data)
        if not self._paused:
            self._wanted.set()

    def _written(self, count: int) -> None:
        self._unsent -= count
        if self._crowded and self._unsent <= FULL // 4 and not self._over:
            self._crowded = False
            self._protocol.resume_writing()

    def _lost(self, error: OSError | None) -> None:
        if self._over:
            return
        self._over = self._closing = True
        self._out.put(None)
        self._pipe.close()
        self._wanted.set()
        if self._timer is not None:
            self._timer.cancel()
        if not self.first.done():
            self.first.cancel()
        self._protocol.connection_lost(error)

    # --- in the two threads ---------------------------------------------------------------------------------------

    def _read_all(self) -> None:
        who: Who | None = None
        try:
            while data := self._next():
                who = self._identify() if who is None else who
                self._call(self._received, data, who)
        except OSError as error:
            self._call(self._lost, error)
        else:
            self._call(self._lost, None)

    def _next(self) -> bytes:
        self._wanted.wait()
        self._wanted.clear()
        return self._pipe.read(CHUNK)

    def _write_all(self) -> None:
        try:
            while (data := self._out.get()) is not None:
                self._pipe.write(data)
                self._call(self._written, len(data))
        except OSError as error:
            self._call(self._lost, error)
        else:
            self._pipe.close()
            self._call(self._lost, None)

    def _call(self, do: Callable[..., None], *values: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop may have closed meanwhile
            self._loop.call_soon_threadsafe(do, *values)


def open_streams(
    pipe: BytePipe, identify: Callable[[], Who], limit: int, name: str
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, asyncio.Future[Who]]:
    """Return streams over a connected pipe, and who is at its other end as soon as that has said something."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=limit, loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    transport = PipeTransport(pipe, protocol, identify, name)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop), transport.first
