"""Clients by the thousand on one loop: idle ones, readers of events, and some that never end a head."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from typing import TypeVar, cast

from bench.gateway_support.processes import Program
from bench.gateway_support.stream_worker import PATH

AT_ONCE = 200  # connections that are being opened
EVENT = re.compile(rb"data: ([0-9]+)\n")
HEAD = "GET %s%s HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n"


class Client(asyncio.Protocol):
    """Asks once and keeps the connection."""

    path = "/"
    key = "none"

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.transport = cast("asyncio.Transport", None)
        self.answered: asyncio.Future[None] = loop.create_future()
        self.lost: asyncio.Future[float] = loop.create_future()  # the time of it
        self.opened_at = loop.time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.opened_at = asyncio.get_running_loop().time()
        self.transport.write(self.head + b"\r\n")

    @property
    def head(self) -> bytes:
        return (HEAD % (PATH, self.path, self.key)).encode()

    def data_received(self, data: bytes) -> None:  # noqa: ARG002 - that there is any is what counts
        if not self.answered.done():
            self.answered.set_result(None)

    def connection_lost(self, _error: Exception | None) -> None:
        if not self.lost.done():
            self.lost.set_result(asyncio.get_running_loop().time())
        if not self.answered.done():
            self.answered.set_exception(ConnectionError("hung up without an answer"))


class Reader(Client):
    """Reads events, and keeps how long each has been on its way once it is told to."""

    path = "/events"

    def __init__(self, delays: list[float]) -> None:
        super().__init__()
        self._delays = delays
        self.counting = False

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.counting:
            now = time.monotonic_ns()
            self._delays += [(now - int(sent)) / 1e6 for sent in EVENT.findall(data)]


class Dripping(Client):
    """Sends a head a line at a time and never ends it (slowloris)."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.opened_at = asyncio.get_running_loop().time()
        self.transport.write(self.head)
        self.answered.set_result(None)  # there is none to wait for

    def drip(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(b"X: y\r\n")


C = TypeVar("C", bound=Client)


async def open_all(through: Program, count: int, make: Callable[[], C]) -> list[C]:
    """Open so many, some at a time, each answered before the next ones begin."""
    clients: list[C] = []
    while len(clients) < count:
        some = [make() for _ in range(min(AT_ONCE, count - len(clients)))]
        async with asyncio.TaskGroup() as group:
            for client in some:
                client.key = through.key or "none"
                group.create_task(connect(through.port, client))
        clients += some
    return clients


async def connect(port: int, client: Client) -> None:
    await asyncio.get_running_loop().create_connection(lambda: client, "127.0.0.1", port)
    await client.answered


async def close_all(clients: Sequence[Client]) -> None:
    for client in clients:
        client.transport.abort()
    for client in clients:
        await client.lost
