"""Between a connection's transport and its protocol: lets bytes through as fast as all together may have them.

To the protocol it is the transport, to the transport the protocol. Reading pauses while there is a debt, so that
TCP itself slows down the other side; what is written waits here, and the protocol hears that the way is full.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Any, Protocol

from node.forwarding.bandwidth.gate import Gate

Data = bytes | bytearray | memoryview
PIECE = 64 * 1024  # bytes that one connection may write in one turn
LIKELY = 16 * 1024  # bytes that one reading brings, more or less
HIGH, LOW = 64 * 1024, 16 * 1024  # bytes that wait before the protocol is paused, and until it goes on
PATIENCE = 600.0  # seconds that a connection may wait for its turn beyond its own time limit


class Inner(Protocol):
    """The protocol of a connection, with a time limit of its own (of the loop's time)."""

    deadline: float

    def data_received(self, data: bytes) -> None: ...
    def eof_received(self) -> bool | None: ...
    def connection_lost(self, error: Exception | None) -> None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...


class Shaped(asyncio.Protocol, asyncio.Transport):
    """Takes its place as soon as it is made; the protocol must be given it as its transport."""

    def __init__(
        self,
        below: asyncio.Transport,
        inner: Inner,
        down: Gate,
        up: Gate,
        *,
        full: bool = False,
        paused: bool = False,
    ) -> None:
        """`full` and `paused` tell whether the transport takes no more now, and whether nothing is read of it."""
        super().__init__()
        self._below = below
        self._inner: Any = inner
        self._down = down
        self._up = up
        self._loop = asyncio.get_running_loop()
        self._queue: deque[memoryview] = deque()
        self._queued = 0
        self._full = full  # the transport below
        self._told_full = full  # the protocol was told to pause
        self._held = False  # reading is paused for the rate
        self._paused = paused  # reading is paused by the protocol
        self._closing = self._eof = False
        self._limit: tuple[float, float] | None = (
            None  # the deadline that we set, and what was left of the true one
        )
        below.set_protocol(self)

    # As the protocol of the transport below

    def data_received(self, data: bytes) -> None:
        self._down.spend(len(data))
        if self._closing:
            return
        self._inner.data_received(data)
        if not (self._down.open or self._held or self.is_closing()):
            self._held = True
            self._extend()
            if not self._paused:
                self._below.pause_reading()
            self._down.wait(self._read_on)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()  # type: ignore[no-any-return]  # whatever protocol it is

    def connection_lost(self, error: Exception | None) -> None:
        self._let_go()
        self._inner.connection_lost(error)

    def pause_writing(self) -> None:
        self._full = True
        self._up.forget(self._write_on)
        self._tell()

    def resume_writing(self) -> None:
        self._full = False
        if self._queue:
            self._up.wait(self._write_on)
        self._tell()

    # As the transport of the protocol

    def write(self, data: Data) -> None:
        if self._closing or self._eof or not data:
            return
        if not self._queue and len(data) <= PIECE and self._up.open:
            self._up.spend(len(data))
            self._below.write(data)
            return
        if not self._queue and not self._full:
            self._up.wait(self._write_on)
        self._queue.append(memoryview(bytes(data)))
        self._queued += len(data)
        self._tell()

    def writelines(self, list_of_data: Iterable[Data]) -> None:
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        return self._below.can_write_eof()

    def write_eof(self) -> None:
        self._eof = True
        if not self._queue:
            self._below.write_eof()

    def close(self) -> None:
        """Close when everything has been written."""
        if not self._closing:
            self._closing = True
            self._forget_reading()
            if not self._queue:
                self._below.close()

    def abort(self) -> None:
        self._closing = True
        self._let_go()
        self._below.abort()

    def is_closing(self) -> bool:
        return self._closing or self._below.is_closing()

    def pause_reading(self) -> None:
        if not self._paused:
            self._paused = True
            if not self._held:
                self._below.pause_reading()

    def resume_reading(self) -> None:
        if self._paused:
            self._paused = False
            if not self._held:
                self._below.resume_reading()

    def is_reading(self) -> bool:
        return not self._paused and not self.is_closing()

    def get_write_buffer_size(self) -> int:
        return self._queued + self._below.get_write_buffer_size()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return LOW, HIGH

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._below.set_write_buffer_limits(high, low)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._below.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._inner = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._inner  # type: ignore[no-any-return]  # whatever protocol it is

    # Inner workings

    def _read_on(self) -> int:
        self._held = False
        self._restore()
        if not (self._paused or self.is_closing()):
            self._below.resume_reading()
            return LIKELY
        return 0

    def _write_on(self) -> int:
        """Write one piece, and wait for the next turn with what remains."""
        piece = self._queue[0][:PIECE]
        rest = self._queue[0][PIECE:]
        if rest:
            self._queue[0] = rest
        else:
            self._queue.popleft()
        self._queued -= len(piece)
        self._up.spend(len(piece))
        self._below.write(piece)
        if self._queue and not self._full:
            self._up.wait(self._write_on)
        elif not self._queue:
            self._all_written()
        self._tell()
        return 0

    def _all_written(self) -> None:
        if self._closing:
            self._below.close()
        elif self._eof:
            self._below.write_eof()

    def _tell(self) -> None:
        """Tell the protocol when the way becomes full, and when there is room again."""
        if not self._told_full and (self._full or self._queued > HIGH):
            self._told_full = True
            self._inner.pause_writing()
        elif self._told_full and not self._full and self._queued <= LOW and not self._closing:
            self._told_full = False
            self._inner.resume_writing()

    def _extend(self) -> None:
        """Keep the protocol from losing patience: it is not the other side that is slow now."""
        left = self._deadline() - self._loop.time()
        if 0 < left < float("inf"):
            self._inner.deadline += PATIENCE
            self._limit = (self._inner.deadline, left)

    def _restore(self) -> None:
        """Give the other side the time that it had left, unless something else counts by now."""
        if self._limit is not None and self._deadline() == self._limit[0]:
            self._inner.deadline = self._loop.time() + self._limit[1]
        self._limit = None

    def _deadline(self) -> float:
        return getattr(self._inner, "deadline", float("inf"))

    def _forget_reading(self) -> None:
        if self._held:
            self._held = False
            self._down.forget(self._read_on)
            self._restore()

    def _let_go(self) -> None:
        self._forget_reading()
        self._up.forget(self._write_on)
        self._queue.clear()
        self._queued = 0
