"""Feeds the data plane from a fuzzer's bytes: heads, bodies in chunks, and both ends of connections on fake wires.

Promises that hold whatever comes: nothing is logged as an error, each request begun is finished once, bytes mean
the same however they are cut, and on a worker's wire there are as many requests as were sent there, never one more.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable
from typing import Any

import httptools

from node.forwarding.http1.chunks import BadChunk, ChunkDecoder
from node.forwarding.http1.client import ClientConnection
from node.forwarding.http1.exchange import Exchange
from node.forwarding.http1.head import (
    EVERYTHING,
    BadHead,
    HeadLimits,
    RequestHead,
    ResponseHead,
    parse_request,
    parse_response,
    request_framing,
    request_head,
)
from node.forwarding.http1.interface import Patience, Trouble, problem_of
from node.forwarding.http1.limits import ServerLimits
from node.forwarding.http1.server import Http1Server
from node.forwarding.http1.sweep import Sweep
from node.forwarding.http1.upstream import Recent, UpstreamConnection
from tests.support.dht_fuzzing import Alarm, Bytes, StillLoop

LIMITS = HeadLimits(target=512, fields=20, size=4096)
MOST_STEPS = 24  # that one input takes
REQUESTS = (
    b"GET /a HTTP/1.1\r\nHost: g\r\n\r\n",
    b"GET /a/../b?c=%20 HTTP/1.1\r\nHost: g:80\r\nConnection: X-A\r\nX-A: b\r\n\r\n",
    b"POST /b HTTP/1.1\r\nHost: g\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /c HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: v\r\n\r\n",
    b"HEAD /d HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"POST /e HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nok",
    b"GET /f HTTP/1.1\r\nHost: g\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n",
)
ANSWERS = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.0 200 OK\r\n\r\nup to the end",
    b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nframes",
    b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
)


class Wire(asyncio.Transport):
    """A transport that leads nowhere: it keeps what is written, and tells its protocol when it is closed."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__({"peername": ("10.0.0.1", 1)})
        self.protocol = protocol
        self.written = bytearray()
        self.requests = 0  # that were sent here
        self.closing = self.lost = self.paused = self.full = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self.closing:
            self.written += data

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.closing = True

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        pass

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def get_write_buffer_size(self) -> int:
        return 70_000 if self.full else 0

    def hear(self, data: bytes) -> None:
        """Deliver bytes to the protocol, as the loop does where reading is not paused."""
        if not (self.paused or self.closing):
            self.protocol.data_received(data)

    def press(self) -> None:
        """Change between a network that takes what is written and one that does not."""
        if not self.lost:
            self.full = not self.full
            (self.protocol.pause_writing if self.full else self.protocol.resume_writing)()

    def settle(self) -> None:
        """Tell the protocol of its end, as the loop does after a close."""
        if self.closing and not self.lost:
            self.lost = True
            self.protocol.connection_lost(None)


class OwnFaultError(Exception):
    """What the handler here raises, to see that it harms its own request only."""


class Workers:
    """Handler, attempt, source and pool in one: forwards over wires, in a way that `source` chooses."""

    def __init__(self, source: Bytes) -> None:
        self._source = source
        self.wires: list[Wire] = []
        self.begun: list[Exchange] = []
        self.over: list[Exchange] = []
        self.waiting: list[Exchange] = []
        self._idle: list[UpstreamConnection] = []
        self.recent = Recent()
        self.head_limits = LIMITS
        self.interim = 3

    def begin(self, exchange: Exchange) -> None:
        self.begun.append(exchange)
        exchange.body_limit = 2000
        match self._source.number(0, 15):
            case 0:
                exchange.answer(204)
            case 1:
                exchange.to_app()
            case 2:
                raise OwnFaultError
            case _:
                self.send(exchange)

    def finished(self, exchange: Exchange) -> None:
        self.over.append(exchange)

    def send(self, exchange: Exchange) -> None:
        head = exchange.head
        request = request_head(head, head.target.encode(), b"w", EVERYTHING, request_framing(head))
        exchange.forward(self, request, self, Patience(2, 3, 4), repeatable=bool(self._source.number(0, 1)))

    def answered(self, exchange: Exchange, head: ResponseHead) -> None:
        match self._source.number(0, 7):
            case 0:
                exchange.peek(lambda body: exchange.relay(EVERYTHING, b"X-Peeked: %d\r\n" % len(body or b"")))
            case 1:
                exchange.discard()
                self._again(exchange)
            case 2:
                exchange.abort()
            case _:
                exchange.relay(EVERYTHING)

    def failed(self, exchange: Exchange, trouble: Trouble) -> None:
        if trouble.kind == "client":
            exchange.refuse(problem_of(trouble))
        else:
            self._again(exchange)

    def _again(self, exchange: Exchange) -> None:
        if exchange.replayable and self._source:
            self.send(exchange)
        else:
            exchange.answer(502)

    # As the source of connections, and their owner

    def acquire(self, exchange: Exchange, fresh: bool) -> UpstreamConnection | None:
        while self._idle and not fresh:
            connection = self._idle.pop()
            if not connection.transport.is_closing():
                connection.reused = True
                self._count(connection)
                return connection
        if self._source.number(0, 3) == 0:
            self.waiting.append(exchange)
            return None
        return self.connect()

    def connect(self) -> UpstreamConnection:
        connection = UpstreamConnection(self)
        wire = Wire(connection)
        self.wires.append(wire)
        connection.connection_made(wire)
        self._count(connection)
        return connection

    def _count(self, connection: UpstreamConnection) -> None:
        next(wire for wire in self.wires if wire is connection.transport).requests += 1

    def cancel(self, exchange: Exchange) -> None:
        if exchange in self.waiting:
            self.waiting.remove(exchange)

    def free(self, connection: UpstreamConnection) -> None:
        self._idle.append(connection)

    def gone(self, connection: UpstreamConnection) -> None:
        if connection in self._idle:
            self._idle.remove(connection)


class Fuzzed:
    """Feeds inputs; `feed` raises where a promise is broken."""

    def __init__(self) -> None:
        self.told: Counter[int] = Counter()  # answers to requests that were begun, by status
        self._alarm = Alarm()
        self._alarm.addFilter(
            lambda record: not (record.exc_info and isinstance(record.exc_info[1], OwnFaultError))
        )
        logging.getLogger().addHandler(self._alarm)
        logging.getLogger("node").propagate = True
        self._loop = StillLoop()
        self._loop.set_exception_handler(lambda _, context: self._alarm.raised.append(str(context)))

    def close(self) -> None:
        logging.getLogger().removeHandler(self._alarm)
        self._loop.close()

    def feed(self, data: bytes) -> None:
        self._loop.run_until_complete(self._feed(Bytes(data)))
        if self._alarm.raised:
            raise AssertionError("logged as an error: " + self._alarm.raised.pop())

    async def _feed(self, source: Bytes) -> None:
        match source.number(0, 3):
            case 0:
                check_request(some(source, REQUESTS))
            case 1:
                check_answer(some(source, ANSWERS))
            case 2:
                check_chunks(source, some(source, tuple(one.partition(b"\r\n\r\n")[2] for one in REQUESTS)))
            case _:
                visit = Visit(source, self._loop)
                for _ in range(MOST_STEPS):
                    if not source:
                        break
                    visit.step()
                self.told.update(visit.end())


class Visit:
    """One client's connection, and all that happens to it and to its workers'."""

    def __init__(self, source: Bytes, loop: StillLoop) -> None:
        self._source = source
        self._loop = loop
        self._steps = 0
        self._sweep = Sweep()
        self._workers = Workers(source)
        limits = ServerLimits(head=LIMITS, early=3000)
        self._server = Http1Server(self._workers, [], sweep=self._sweep, limits=limits)
        self._client = ClientConnection(self._server, loop)
        self._wire = Wire(self._client)
        self._client.connection_made(self._wire)
        self._actions: tuple[Callable[[], None], ...] = (
            *(self._say, self._say, self._answer, self._answer, self._answer, self._connect, self._not_connect),
            *(self._hang_up, self._worker_hangs_up, self._press, self._press_worker, self._wait, self._drain),
            self._half_close,
        )

    def step(self) -> None:
        self._actions[self._source.number(0, len(self._actions) - 1)]()
        self._settle()

    def end(self) -> list[int]:
        """Hang up everywhere, and hold everybody to what they promise; return the statuses of the answers."""
        self._server.outbox.flush()
        for wire in (self._wire, *self._workers.wires):
            wire.abort()
        self._settle()
        workers = self._workers
        assert len(workers.begun) == len(workers.over) == len({id(one) for one in workers.over})
        assert all(one.done and one.upstream is None for one in workers.begun)
        assert not self._server.connections
        assert not self._sweep.members
        for wire in workers.wires:
            check_worker_heard(bytes(wire.written), wire.requests)
        return [one.status for one in workers.over]

    def _settle(self) -> None:
        self._steps += 1
        if self._steps % 2:  # so that some turns of the loop have one step, others two
            self._server.outbox.flush()
        for wire in (self._wire, *self._workers.wires):
            wire.settle()

    def _say(self) -> None:
        self._wire.hear(some(self._source, REQUESTS) or b"\r")

    def _answer(self) -> None:
        if wire := self._worker():
            wire.hear(some(self._source, ANSWERS) or b"\r")

    def _connect(self) -> None:
        if self._workers.waiting:
            self._workers.waiting.pop(0).connected(self._workers.connect())

    def _not_connect(self) -> None:
        if self._workers.waiting:
            self._workers.waiting.pop(0).not_connected("nobody there")

    def _hang_up(self) -> None:
        self._wire.abort()

    def _half_close(self) -> None:
        if not self._wire.closing:
            self._client.eof_received()
            self._wire.close()

    def _worker_hangs_up(self) -> None:
        if wire := self._worker():
            wire.abort()

    def _press(self) -> None:
        self._wire.press()

    def _press_worker(self) -> None:
        if wire := self._worker():
            wire.press()

    def _wait(self) -> None:
        self._loop.now += self._source.number(0, 120)
        workers = [wire.protocol for wire in self._workers.wires if not wire.lost]
        self._sweep.members.update(one for one in workers if isinstance(one, UpstreamConnection))
        self._sweep.look(self._loop.now)
        self._sweep.members.difference_update(one for one in workers if isinstance(one, UpstreamConnection))

    def _drain(self) -> None:
        self._server.draining = True
        self._client.drain(self._loop.now)

    def _worker(self) -> Wire | None:
        open_ones = [wire for wire in self._workers.wires if not wire.closing]
        return open_ones[self._source.number(0, len(open_ones) - 1)] if open_ones else None


class Counting:
    """llhttp's account of what is in a stream."""

    def __init__(self) -> None:
        self.begun = 0
        self.names: list[bytes] = []

    def on_message_begin(self) -> None:
        self.begun += 1

    def on_header(self, name: bytes, value: bytes) -> None:
        self.names.append(name.lower())


def check_worker_heard(data: bytes, requests: int) -> None:
    """Let llhttp count: on a wire are the requests that were sent there, as a worker reads them."""
    count = Counting()
    parser = httptools.HttpRequestParser(count)
    with contextlib.suppress(httptools.HttpParserUpgrade, httptools.HttpParserInvalidMethodError):
        parser.feed_data(data)
    assert count.begun <= requests, f"{count.begun} requests where {requests} were sent"


def check_request(raw: bytes) -> None:
    """What is accepted is built anew into what reads the same, and llhttp does not object."""
    try:
        head = parse_request(raw, LIMITS)
    except BadHead as error:
        assert 400 <= error.status < 600
        return
    with contextlib.suppress(httptools.HttpParserUpgrade, httptools.HttpParserInvalidMethodError):
        httptools.HttpRequestParser(Counting()).feed_data(raw)
    built = request_head(head, head.target.encode(), b"w", EVERYTHING, request_framing(head))
    again = parse_request(built, HeadLimits(size=10_000))
    assert meaning(again) == meaning(head)
    assert request_head(again, head.target.encode(), b"w", EVERYTHING, request_framing(again)) == built


def meaning(head: RequestHead) -> tuple[Any, ...]:
    return head.method, head.target, head.length, head.chunked, head.has_body, head.websocket


def check_answer(raw: bytes) -> None:
    with contextlib.suppress(BadHead):
        head = parse_response(raw[: raw.find(b"\r\n\r\n") + 4], LIMITS)
        assert 100 <= head.status < 600
        assert head.length is None or not head.chunked


def check_chunks(source: Bytes, data: bytes) -> None:
    """A body means the same however it is cut."""
    whole = content_of([data])
    cut = source.number(0, len(data))
    assert content_of([data[:cut], data[cut:]]) == whole
    assert content_of([data[at : at + 1] for at in range(len(data))]) == whole


def content_of(pieces: list[bytes]) -> tuple[bytes, bytes | None] | None:
    """Return content, and what is behind the body where it is complete; None where it is broken."""
    decoder, content, rest = ChunkDecoder(), b"", b""
    try:
        for piece in pieces:
            if decoder.complete:
                rest += piece
            else:
                content += decoder.feed(piece)
                rest = decoder.rest
    except BadChunk:
        return None
    return content, rest if decoder.complete else None


def some(source: Bytes, good: tuple[bytes, ...]) -> bytes:
    """Return something good, something changed, a piece of it, or anything."""
    one = good[source.number(0, len(good) - 1)]
    match source.number(0, 7):
        case 0 | 1 | 2:
            return one
        case 3:
            return one[: source.number(0, len(one))]
        case 4:
            return one[source.number(0, len(one)) :]
        case 5:
            return source.some(3000)
        case _:
            return changed(source, one)


def changed(source: Bytes, data: bytes) -> bytes:
    for _ in range(source.number(1, 3)):
        at, piece = source.number(0, len(data)), source.some(12)
        data = data[:at] + piece + data[at + (0, len(piece), 1)[source.number(0, 2)] :]
    return data


def seeds() -> list[bytes]:
    """Return inputs that begin well: every part with bytes of every kind, and every answer to every request."""
    parts = [bytes([part]) + bytes(range(256))[:size] for part in range(4) for size in (4, 40, 200)]
    say, answer, visit = 0, 2, b"\x03"  # actions, and the part that takes them
    visits = [
        # A good request, which is sent on a connection that is there; a good answer, which is relayed.
        visit + bytes([say, request, 0, 3, 1, 1, answer, told, 0, 3]) * 2
        for request in range(len(REQUESTS))
        for told in range(len(ANSWERS))
    ]
    return parts + visits
