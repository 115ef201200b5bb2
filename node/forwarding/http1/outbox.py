"""What one turn of the loop has for workers, sent all at once at the turn's end.

A write wakes whoever waits for it. Between the requests of a turn that is done once for each of them, as workers
fall asleep again meanwhile; behind one another it is done once for nearly all. It also keeps the interpreter's part
of a turn apart from the kernel's, and so each of them in the processor's caches.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TypeVar

log = logging.getLogger(__name__)


T = TypeVar("T", bound=asyncio.WriteTransport)


class Outbox:
    """Holds the first write of a request; what else is written to a worker goes to `direct`, and so behind it."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held: list[tuple[asyncio.WriteTransport, bytes]] = []

    def write(self, transport: asyncio.WriteTransport, data: bytes, loop: asyncio.AbstractEventLoop) -> None:
        """Write to a transport when this turn of the loop is over, unless it has been closed by then."""
        held = self._held
        held.append((transport, data))
        if len(held) == 1:
            loop.call_soon(self.flush)

    def direct(self, transport: T) -> T:
        """Return a transport to which something may be written at once: nothing for it is held any longer."""
        if self._held:
            self.flush()
        return transport

    def flush(self) -> None:
        """Write everything now; a transport that raises is cut, and keeps nothing from the others."""
        held, self._held = self._held, []
        for transport, data in held:
            if transport.is_closing():
                continue
            try:
                transport.write(data)
            except Exception:
                log.exception("a worker's connection could not be written to")
                transport.abort()
