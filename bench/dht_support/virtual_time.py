"""An event loop whose clock does not wait: it jumps to the next thing that is to happen."""

from __future__ import annotations

from asyncio import base_events
from typing import Any


class NoSockets:
    """Stands where a loop waits for sockets: there are none, so waiting is moving the clock."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        """Let that many seconds pass at once."""
        if timeout is None:
            raise RuntimeError("everything waits for something that will never happen")
        self._loop.advance(timeout)
        return []


class VirtualLoop(base_events.BaseEventLoop):
    """asyncio in one thread, without sockets and without waiting; `time()` begins at 0."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._selector = NoSockets(self)

    def time(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += seconds

    def _process_events(self, event_list: list[Any]) -> None:
        """Have no events but timers."""

    def _write_to_self(self) -> None:
        """Have nobody to wake."""
