"""A data plane between raw sockets: scripted workers behind it, clients that say any bytes in front of it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from node.forwarding.bandwidth.meter import Meter
from node.forwarding.http1.exchange import Exchange
from node.forwarding.http1.head import Passing, ResponseHead, request_framing, request_head
from node.forwarding.http1.interface import Patience, Trouble, problem_of
from node.forwarding.http1.limits import ServerLimits, UpstreamLimits
from node.forwarding.http1.pool import Address, Pool, Upstreams, connect_tcp
from node.forwarding.http1.server import App, Http1Server
from node.forwarding.http1.sweep import Sweep
from node.program.accepting import accept_no_more

DEADLINE = 30.0
GET = b"GET /a HTTP/1.1\r\nHost: gateway\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
PASSING = Passing({"cookie"}, ["x-secret-"])

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Answer:
    """An answer as a client reads it."""

    status: int
    head: bytes
    body: bytes

    def field(self, name: str) -> str | None:
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.lower() == name.lower().encode():
                return value.strip().decode("latin-1")
        return None


async def read_head(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(DEADLINE):
        return await reader.readuntil(b"\r\n\r\n")


async def read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readline()).strip(), 16):
        body += await reader.readexactly(size)
        assert await reader.readexactly(2) == b"\r\n"
    assert await reader.readline() == b"\r\n"
    return body


async def read_body(reader: asyncio.StreamReader, head: bytes, to_the_end: bool) -> bytes:
    lower = head.lower()
    async with asyncio.timeout(DEADLINE):
        if b"\r\ntransfer-encoding: chunked" in lower:
            return await read_chunks(reader)
        if b"\r\ncontent-length:" in lower:
            return await reader.readexactly(int(lower.split(b"\r\ncontent-length:")[1].split(b"\r\n")[0]))
        return await reader.read() if to_the_end else b""


async def read_request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await read_head(reader)
    return head, await read_body(reader, head, to_the_end=False)


async def answer_ok(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer every request with what it was: its head and its body."""
    while True:
        head, body = await read_request(reader)
        told = head + body
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(told))
        if not head.startswith(b"HEAD "):
            writer.write(told)
        await writer.drain()


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Close a connection and wait until it is: what nobody takes any more is thrown away."""
    if writer.transport.get_write_buffer_size():
        writer.transport.abort()
    else:
        writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


class Worker:
    """A server with a script for each connection, given in turn; the last one serves all further connections."""

    def __init__(self, scripts: Sequence[Script]) -> None:
        self._scripts = list(scripts)
        self.connections = 0
        self.open = 0
        self.port = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        await accept_no_more(self._server.sockets)
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*map(hang_up, self._writers))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script = self._scripts[min(self.connections, len(self._scripts) - 1)]
        self.connections += 1
        self.open += 1
        self._writers.append(writer)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                await script(reader, writer)
        finally:
            self.open -= 1
            self._tasks.discard(task)
            writer.close()


@dataclass
class Forwarding:
    """A handler that forwards everything to its pools in turn, and goes on to the next when one fails."""

    pools: list[Pool] = field(default_factory=list)
    patience: Patience = field(default_factory=lambda: Patience(DEADLINE, DEADLINE, DEADLINE))
    repeatable: bool = True
    retry: bool = False
    keep_body: bool = True
    body_limit: float = float("inf")
    begun: list[Exchange] = field(default_factory=list)
    over: list[Exchange] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    gone: int = 0
    to_app: str = "/app"
    turn: int = 0

    def begin(self, exchange: Exchange) -> None:
        self.begun.append(exchange)
        exchange.keep_body, exchange.body_limit = self.keep_body, self.body_limit
        exchange.on_gone = self._gone
        if exchange.head.target.startswith(self.to_app):
            exchange.to_app()
        else:
            self.send(exchange)

    def send(self, exchange: Exchange) -> None:
        head = exchange.head
        pool = self.pools[self.turn % len(self.pools)]
        self.turn += 1
        added = request_framing(head) + b"X-Forwarded-For: " + exchange.peer.encode() + b"\r\n"
        request = request_head(head, head.target.encode(), b"worker", PASSING, added)
        exchange.forward(pool, request, self, self.patience, repeatable=self.repeatable)

    def answered(self, exchange: Exchange, head: ResponseHead) -> None:
        endless = head.get("content-type") == "text/event-stream"
        exchange.relay(PASSING, b"X-Worker: w\r\n", endless=endless)

    def failed(self, exchange: Exchange, trouble: Trouble) -> None:
        self.troubles.append(trouble)
        if self.retry and exchange.replayable and trouble.kind != "client" and len(self.troubles) < 3:
            self.send(exchange)
        else:
            exchange.refuse(problem_of(trouble))

    def finished(self, exchange: Exchange) -> None:
        self.over.append(exchange)

    def _gone(self) -> None:
        self.gone += 1


class Client:
    """A connection that says raw bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, *, bodiless: bool = False) -> Answer:
        head = await read_head(self.reader)
        status = int(head.split()[1])
        bodiless = bodiless or status in (204, 304) or status < 200
        body = b"" if bodiless else await read_body(self.reader, head, to_the_end=True)
        return Answer(status, head, body)

    async def ask(self, data: bytes) -> Answer:
        await self.say(data)
        return await self.answer(bodiless=data.startswith(b"HEAD "))

    async def rest(self) -> bytes:
        """Return what still comes until the other side closes; a reset counts as a close."""
        got = b""
        async with asyncio.timeout(DEADLINE):
            with contextlib.suppress(ConnectionError):
                while data := await self.reader.read(65536):
                    got += data
        return got

    def reset(self) -> None:
        """Close with RST, as a program that dies does."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.writer.transport.abort()


class Plane:
    """A running data plane."""

    def __init__(self, server: Http1Server, handler: Forwarding, upstreams: Upstreams, port: int) -> None:
        self.server = server
        self.handler = handler
        self.upstreams = upstreams
        self.port = port

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**20)
        try:
            yield Client(reader, writer)
        finally:
            await hang_up(writer)

    async def ask(self, data: bytes) -> Answer:
        async with self.client() as client:
            return await client.ask(data)

    def to(self, *ports: int) -> None:
        """Forward to workers at these ports of this machine."""
        self.handler.pools = [self.upstreams.pool(Address("127.0.0.1", port)) for port in ports]


def listening(backlog: int = 256) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(backlog)
    listener.setblocking(False)
    return listener


@contextlib.asynccontextmanager
async def working(*scripts: Script) -> AsyncIterator[Worker]:
    worker = Worker(scripts or (answer_ok,))
    await worker.start()
    try:
        yield worker
    finally:
        await worker.stop()


@contextlib.asynccontextmanager
async def running(
    *workers: Worker,
    limits: ServerLimits | None = None,
    upstream: UpstreamLimits | None = None,
    handler: Forwarding | None = None,
    app: App | None = None,
    interval: float = 0.02,
    meter: Meter | None = None,
) -> AsyncIterator[Plane]:
    """Run a data plane before these workers; at the end it must have let go of everything."""
    sweep, listener = Sweep(interval), listening()
    upstreams = Upstreams(sweep, upstream, meter.connecting(connect_tcp) if meter is not None else connect_tcp)
    if meter is not None:
        meter.watch(lambda: upstreams.live)
    handler = handler or Forwarding()
    server = Http1Server(handler, [listener], sweep=sweep, limits=limits, app=app, meter=meter)
    plane = Plane(server, handler, upstreams, listener.getsockname()[1])
    plane.to(*(worker.port for worker in workers))
    await server.start()
    try:
        yield plane
    finally:
        await server.stop()
        await upstreams.stop()
        assert not server.connections
        assert len(handler.begun) == len(handler.over)
        assert all(exchange.done for exchange in handler.begun)
