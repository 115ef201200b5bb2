"""Lets gateway processes use the hub, which is in the first: each connection goes on through the private socket.

Between the processes it is framed as outside, but for masks: so a reset stays a reset, and back-pressure passes.
"""

from __future__ import annotations

import asyncio
import errno
from functools import partial
from typing import cast

from coordinator_server.gateway_processes.from_gateways import RELAY
from coordinator_server.gateway_processes.to_first import CLIENT
from coordinator_server.relay.hub import RelayHub
from node.forwarding.http1.exchange import Exchange
from node.forwarding.http1.head import field_line
from node.forwarding.http1.keepalive import has_left
from node.forwarding.http1.pool import FullError
from node.forwarding.http1.upstream import UpstreamConnection
from node.forwarding.websocket.stream import WebSocketStream
from node.program.tasks import TaskSet
from node.wire.problems import Problem

LOOK = 1.0  # seconds
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
        self.lost = self.full = False

    def join(self, other: PipeEnd) -> None:
        self.other, other.other = other, self
        if self.lost or other.lost:
            self.cut()
            return
        for end in (self, other):
            if end.full:  # a worker may have kept us from saying more before anybody wanted to
                end.pause_writing()

    def cut(self) -> None:
        """Reset both."""
        self.transport.abort()
        if self.other is not None:
            self.other.transport.abort()

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
        self.full = True
        if self.other is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        self.full = False
        if self.other is not None:
            self.other.transport.resume_reading()


class RelayPipes:
    """The first's side: connects gateway processes to workers."""

    def __init__(self, hub: RelayHub) -> None:
        self._hub = hub
        self._ends: set[PipeEnd] = set()  # at gateway processes
        self._tasks = TaskSet("relay-pipes")
        self._looking: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._ends)

    def take(self, exchange: Exchange, worker_id: str) -> None:
        """Connect whoever asks, or say why not; the exchange came through the private socket."""
        if self._looking is None:
            self._looking = self._tasks.every(LOOK, self._look, "look")
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
        ended = partial(self._ended, outside)
        stream = WebSocketStream(transport, client=False, private=True, ended=ended)
        self._ends.add(outside)
        stream.begin()  # reading, until somebody wants it to pause
        stream.attach(outside)
        outside.join(inside)
        if early:
            stream.data_received(early)

    def _ended(self, end: PipeEnd, _stream: WebSocketStream) -> None:
        self._ends.discard(end)

    async def _look(self) -> None:
        """Cut what a gateway process has let go of while the worker takes nothing: nobody else would notice."""
        for end in tuple(self._ends):
            if not end.transport.is_reading() and has_left(end.transport.get_extra_info("socket")):
                end.cut()


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
