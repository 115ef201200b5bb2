"""Lets an aiohttp application answer on our connections: to an exchange it is one more worker, without a network.

Bytes go straight from the upstream connection into aiohttp's protocol and back, so that both sides keep their own
rules (framing, back-pressure, upgrade, hanging up) and requests on one connection may alternate between the
application and workers. The application sees the client's own connection: its address, its socket, its TLS. Each
exchange gets a protocol of its own, which ends itself after the answer, when the handler's code has run to its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from aiohttp import web

from node.forwarding.http1.exchange import CLOSE, Exchange
from node.forwarding.http1.head import EVERYTHING, HeadLimits, ResponseHead, request_framing, request_head
from node.forwarding.http1.interface import Patience, Trouble, problem_of
from node.forwarding.http1.sweep import NEVER
from node.forwarding.http1.upstream import Recent, UpstreamConnection
from node.wire.problems import Problem

Data = bytes | bytearray | memoryview
SHUTDOWN = 2.0  # seconds that handlers get to end
# The application keeps its own time; nobody else waits for it.
PATIENCE = Patience(connect=NEVER, first_byte=NEVER, idle=NEVER)


class AppBridge:
    """Owns the application's life; `take` gives it an exchange."""

    passing = EVERYTHING  # of a request's head

    def __init__(self, app: web.Application) -> None:
        self._runner = web.AppRunner(
            app,
            handler_cancellation=True,
            access_log=None,
            shutdown_timeout=SHUTDOWN,
            timeout_ceil_threshold=NEVER,  # else the pings of all WebSockets go at the full second
        )
        self.recent = Recent()
        self.head_limits = HeadLimits(fields=1000, size=256 * 1024)  # our own code wrote it
        self.interim = 8
        self._beside: dict[str, Callable[[Exchange], None]] = {}

    def beside(self, prefix: str, take: Callable[[Exchange], None]) -> None:
        """Give what is below a prefix to somebody else than the application."""
        self._beside[prefix] = take

    async def start(self) -> None:
        await self._runner.setup()

    async def stop(self) -> None:
        await self._runner.cleanup()

    def take(self, exchange: Exchange) -> None:
        """Forward an exchange to the application, whole but for what belongs to the client's connection."""
        head = exchange.head
        for prefix, other in self._beside.items():
            if head.target.startswith(prefix):
                other(exchange)
                return
        if head.get("content-encoding", "identity").lower() != "identity":
            exchange.refuse(packed())
            return
        lines = request_framing(head) if head.websocket else request_framing(head) + CLOSE
        request = request_head(
            head, head.target.encode("latin-1"), head.host.encode("latin-1"), self.passing, lines
        )
        exchange.keep_body = False
        exchange.forward(self, request, self, PATIENCE)

    def end_of(self, exchange: Exchange) -> asyncio.BaseTransport:
        """Return what tells the application who the client is."""
        return exchange.client.transport

    # As the exchange's attempt

    def answered(self, exchange: Exchange, _head: ResponseHead) -> None:
        exchange.relay(EVERYTHING)

    def failed(self, exchange: Exchange, trouble: Trouble) -> None:
        if trouble.kind == "connect":
            trouble = Trouble("reset", "it is not running")
        exchange.refuse(problem_of(trouble))

    # As the exchange's source of connections

    def acquire(self, exchange: Exchange, fresh: bool) -> UpstreamConnection | None:  # noqa: ARG002 - all are
        server = self._runner.server
        if server is None:
            exchange.not_connected("the application is not running")
            return None
        connection = UpstreamConnection(self)
        protocol = server()
        ours = OurEnd(protocol, connection)
        theirs = TheirEnd(protocol, connection, self.end_of(exchange), ours)
        connection.connection_made(ours)
        protocol.connection_made(theirs)
        return connection

    def cancel(self, exchange: Exchange) -> None:
        """Have nothing to forget: connections are there at once."""

    def free(self, connection: UpstreamConnection) -> None:
        """Leave a connection that has served to end itself."""

    def gone(self, connection: UpstreamConnection) -> None:
        """Have nothing to forget."""


def packed() -> Problem:
    """Return the refusal of a compressed body: of a few bytes may come as much work as of very many."""
    return Problem("unsupported-media-type", "Bodies are taken here as they are, without Content-Encoding.")


class Borrowed:
    """Somebody else's bridge, whose life is not ours: for a second server of one application."""

    def __init__(self, bridge: AppBridge) -> None:
        self._bridge = bridge

    async def start(self) -> None:
        """Leave it: its owner starts it."""

    async def stop(self) -> None:
        """Leave it: its owner stops it."""

    def take(self, exchange: Exchange) -> None:
        self._bridge.take(exchange)


class OurEnd(asyncio.Transport):
    """What the upstream connection writes to: the application's protocol reads it."""

    def __init__(self, protocol: web.RequestHandler, connection: UpstreamConnection) -> None:
        super().__init__()
        self._protocol = protocol
        self._connection = connection
        self._closing = False
        self._lost = False
        self.paused = False
        self.held: list[bytes] = []
        self.ended: Callable[[], None] | None = None

    def write(self, data: Data) -> None:
        if not self._closing:
            self._protocol.data_received(bytes(data))

    def writelines(self, list_of_data: Iterable[Data]) -> None:
        self.write(b"".join(list_of_data))

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        """Say no more; the application's code goes on to its end, but not with a WebSocket that nobody has."""
        self._closing = True
        self.held.clear()
        self._resume_writer()
        if self._connection.is_tunnel:
            self.lose()

    def abort(self) -> None:
        """Break off: the application's handler is cancelled."""
        self.close()
        self.lose()

    def pause_reading(self) -> None:
        if not self.paused:
            self.paused = True
            self._protocol.pause_writing()

    def resume_reading(self) -> None:
        if not self.paused:
            return
        self.paused = False
        while self.held and not self.paused:
            self._connection.data_received(self.held.pop(0))
        if not self.paused:
            self._protocol.resume_writing()
            if self.ended is not None:
                self.ended()

    def lose(self) -> None:
        """Tell the application's protocol that its connection is gone, once."""
        if not self._lost:
            self._lost = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    def _resume_writer(self) -> None:
        if self.paused:
            self.paused = False
            self._protocol.resume_writing()


class TheirEnd(asyncio.Transport):
    """What the application writes to; it says of itself what the client's transport says."""

    def __init__(
        self,
        protocol: web.RequestHandler,
        connection: UpstreamConnection,
        client: asyncio.BaseTransport,
        ours: OurEnd,
    ) -> None:
        super().__init__()
        self._protocol = protocol
        self._connection = connection
        self._client = client
        self._ours = ours
        self._closing = False
        self._read_paused = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._client.get_extra_info(name, default)

    def write(self, data: Data) -> None:
        if self._closing or not data:
            return
        if self._ours.paused:
            self._ours.held.append(bytes(data))  # little: whoever writes much waits until it may
        elif not self._ours.is_closing():
            self._connection.data_received(bytes(data))

    def writelines(self, list_of_data: Iterable[Data]) -> None:
        self.write(b"".join(list_of_data))

    def get_write_buffer_size(self) -> int:
        return sum(map(len, self._ours.held))

    def is_closing(self) -> bool:
        return self._closing or self._ours.is_closing()

    def can_write_eof(self) -> bool:
        return False

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            if self._ours.held:
                self._ours.ended = self._end
            else:
                self._end()

    def abort(self) -> None:
        self._closing = True
        self._ours.held.clear()
        self._end(ConnectionAbortedError("the application cut the connection"))

    def pause_reading(self) -> None:
        if not self._read_paused:
            self._read_paused = True
            self._connection.pause_writing()

    def resume_reading(self) -> None:
        if self._read_paused:
            self._read_paused = False
            self._connection.resume_writing()

    def is_reading(self) -> bool:
        return not self._read_paused

    def _end(self, error: Exception | None = None) -> None:
        self._ours.ended = None
        self._ours.lose()
        asyncio.get_running_loop().call_soon(self._connection.connection_lost, error)
