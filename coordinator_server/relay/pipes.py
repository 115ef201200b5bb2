"""Lets gateway processes use the hub, which is in the first: each connection goes on through the private socket.

Between the processes it is framed as outside, but for masks: so a reset stays a reset, and back-pressure passes.
"""

from __future__ import annotations

import asyncio
import errno
from typing import cast

from coordinator_server.gateway_processes.from_gateways import RELAY
from coordinator_server.gateway_processes.to_first import CLIENT
from coordinator_server.relay.hub import RelayHub
from node.forwarding.http1.exchange import Exchange
from node.forwarding.http1.head import field_line
from node.forwarding.http1.pool import FullError
from node.forwarding.http1.upstream import UpstreamConnection
from node.forwarding.websocket.stream import WebSocketStream
from node.program.tasks import TaskSet
from node.wire.problems import Problem

LIMIT = 10.0  # seconds to bring a connection about; who waits for it has limits of his own
LARGEST = 8192  # bytes of the first's answer
YES = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: rma-relay\r\n"
READY = b"X-RMA-Ready: 1\r\n"  # it had been ready for a while
FULL = 503


class PipeEnd(asyncio.Protocol):
    """One of two ends, each of which says what the other hears."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport = cast("asyncio.Transport", None)
        self.other: PipeEnd | None = None
        self.lost = False

    def join(self, other: PipeEnd) -> None:
        self.other, other.other = other, self
        if self.lost or other.lost:
            self.transport.abort()
            other.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self.other is None:
            self.transport.abort()
        else:
            self.other.transport.write(data)

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        if self.other is None:
            return
        if error is None:
            self.other.transport.close()
        else:
            self.other.transport.abort()

    def pause_writing(self) -> None:
        if self.other is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None:
            self.other.transport.resume_reading()


class RelayPipes:
    """The first's side: connects gateway processes to workers."""

    def __init__(self, hub: RelayHub) -> None:
        self._hub = hub
        self._tasks = TaskSet("relay-pipes")

    def take(self, exchange: Exchange, worker_id: str) -> None:
        """Connect whoever asks, or say why not; the exchange came through the private socket."""
        task = self._tasks.start(self._connect(exchange, worker_id), "connect")

        def give_up() -> None:
            task.cancel()

        exchange.on_gone = give_up

    async def stop(self) -> None:
        await self._tasks.stop()

    async def _connect(self, exchange: Exchange, worker_id: str) -> None:
        inside, outside = PipeEnd(), PipeEnd()
        try:
            async with asyncio.timeout(LIMIT):
                ready = await self._hub.connect(worker_id, inside)
        except FullError:
            exchange.refuse(Problem("overloaded", "There are too many connections to this worker.", status=FULL))
            return
        except (OSError, TimeoutError):
            exchange.refuse(Problem("upstream-failed", "There is no connection to this worker."))
            return
        try:
            transport, early = exchange.client.give_away(exchange, YES + (READY if ready else b"") + b"\r\n")
        except ConnectionResetError:
            inside.transport.abort()
            return
        stream = WebSocketStream(transport, client=False, private=True)
        stream.attach(outside)
        outside.join(inside)
        stream.begin(early)


class Asking(asyncio.Protocol):
    """Hears the first's answer: the head of it, whole."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._heard = b""

    def data_received(self, data: bytes) -> None:
        self._heard += data
        if not self.answer.done() and (b"\r\n\r\n" in self._heard or len(self._heard) > LARGEST):
            self.answer.set_result(self._heard)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.answer.done():
            self.answer.set_exception(error or ConnectionResetError("the first process hung up"))


class ToHub:
    """A gateway process's side; `path` is the private socket."""

    def __init__(self, path: str, number: int) -> None:
        self._path = path
        self._number = number

    async def __call__(self, worker_id: str, connection: UpstreamConnection) -> bool:
        """Connect to a worker, as the hub does; raise OSError."""
        loop = asyncio.get_running_loop()
        transport, asking = await loop.create_unix_connection(Asking, self._path)
        try:
            who = field_line(CLIENT, f"{RELAY} {worker_id} {self._number}")
            transport.write(b"GET /relay HTTP/1.1\r\nHost: first\r\n" + who + b"\r\n")
            answer = await asking.answer
            head, _, early = answer.partition(b"\r\n\r\n")
            status = int(head[9:12]) if head[9:12].isdigit() else 0
            if status == FULL:
                raise FullError(errno.EAGAIN, "there are too many connections to this worker")
            if status != 101 or early:
                raise OSError(errno.EHOSTUNREACH, "the first process has no connection to the worker")
        except BaseException:
            transport.abort()
            raise
        stream = WebSocketStream(transport, client=True, private=True)
        stream.attach(connection)
        stream.begin()
        return READY.strip() in head
