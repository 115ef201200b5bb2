"""Asks a worker one question over a relay connection, which is closed when the answer begins."""

from __future__ import annotations

import asyncio
import errno
import re
from collections.abc import Mapping
from typing import cast

from coordinator_server.relay.hub import RelayHub
from node.forwarding.http1.head import field_line

LARGEST = 8192  # bytes in which the answer's first line must come
STATUS = re.compile(rb"HTTP/1\.[01] ([2-5][0-9]{2})[ \r]")


class Question(asyncio.Protocol):
    """Hears the first line of an answer."""

    def __init__(self) -> None:
        self.transport = cast("asyncio.Transport", None)
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._heard += data
        if self.status.done() or (b"\r\n" not in self._heard and len(self._heard) <= LARGEST):
            return
        found = STATUS.match(self._heard)
        if found is not None:
            self.status.set_result(int(found[1]))
        else:
            self.status.set_exception(OSError(errno.EPROTO, "its answer is not HTTP"))
        self.transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.status.done():
            text = "it broke off the connection"
            self.status.set_exception(OSError(errno.ECONNRESET, text if error is None else f"{text}: {error}"))
            self.status.exception()  # whether anybody waits for it or not


async def status_of(hub: RelayHub, worker_id: str, path: str, fields: Mapping[str, str]) -> int:
    """Return with what status a worker answers a GET; raise OSError where it does not."""
    question = Question()
    await hub.connect(worker_id, question)
    try:
        lines = b"".join(field_line(name, value) for name, value in fields.items())
        question.transport.write(f"GET {path} HTTP/1.1\r\nHost: {worker_id}\r\n".encode() + lines + b"\r\n")
        return await question.status
    finally:
        question.transport.abort()
