"""A client's connection: finds the requests in its bytes, one at a time and in order, and cuts who is too slow."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import sys
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

from node.forwarding.http1.chunks import BadChunk, ChunkDecoder
from node.forwarding.http1.exchange import CLOSE, CONTENT, KEEP, Exchange
from node.forwarding.http1.head import (
    CHUNKED,
    COUNTED,
    END,
    NONE,
    TOKEN,
    BadHead,
    RequestHead,
    field_line,
    hopeless,
    parse_request,
    too_large,
)
from node.forwarding.http1.interface import Trouble
from node.forwarding.http1.keepalive import has_left, watch
from node.forwarding.http1.leftover import Leftover
from node.forwarding.http1.sweep import NEVER
from node.wire.headers import REQUEST_ID
from node.wire.problems import Problem

if TYPE_CHECKING:
    from node.forwarding.http1.server import Http1Server

log = logging.getLogger(__name__)
REMEMBERED = 2048  # bytes of a head that is kept to recognise it when it comes again
FIRST_HEADS = 256  # that are kept beyond their connection
LOOK = 0.5  # seconds between two looks at a client that we do not read from
TURNS = 32  # requests that are begun in one go
EMPTY_LINES = re.compile(rb"(?:\r\n)++")  # before a request they are no harm (RFC 9112 §2.2)
BEGINNING = re.compile(rb"\r?\Z|" + TOKEN)
ALLOW = field_line("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode("latin-1") for status in HTTPStatus
}
BODILESS = frozenset({204, 304})


class FirstHeads:
    """The heads with which connections began lately: a client that opens many begins them all alike.

    They are shared by connections of the same address only, for what is kept beside a head depends on that.
    """

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[tuple[str, bool, bytes], tuple[bytes, RequestHead]] = {}

    def read(self, connection: ClientConnection, raw: bytes) -> tuple[bytes, RequestHead]:
        """Return the head, and the bytes of the one that it is alike to; raise BadHead."""
        key = (connection.peer, connection.secure, raw)
        found = self._known.get(key)
        if found is None:
            found = (raw, parse_request(raw, connection.server.limits.head))
            if len(self._known) >= FIRST_HEADS:
                self._known.clear()
            if len(raw) <= REMEMBERED:
                self._known[key] = found
        return found


class ClientConnection(asyncio.Protocol):
    """Reads requests; has at most one exchange, and leaves the bytes behind it alone until it is over."""

    __slots__ = (
        "_buffer", "_chunks", "_discarding", "_framing", "_head", "_in_head", "_left", "_leftover", "_moved",
        "_paused", "_raw", "_running", "_unsent", "deadline", "exchange", "loop", "lost", "outbox", "peer",
        "secure", "server", "transport", "write_paused",
    )  # fmt: skip

    def __init__(self, server: Http1Server, loop: asyncio.AbstractEventLoop) -> None:
        self.server = server
        self.outbox = server.outbox
        self.loop = loop
        self.transport: asyncio.Transport = cast("asyncio.Transport", None)
        self.exchange: Exchange | None = None
        self.deadline = NEVER
        self.peer = ""
        self.secure = False
        self.lost = False
        self.write_paused = False
        self._buffer = b""
        self._raw = b""  # the last head as it came, which tends to come again
        self._head: RequestHead | None = None
        self._framing = NONE  # of the body that is being read
        self._left = 0
        self._chunks: ChunkDecoder | None = None
        self._in_head = False
        self._running = False
        self._paused = False
        self._discarding = False  # whatever comes is thrown away, or the rest of a body only:
        self._leftover: Leftover | None = None
        self._unsent = 0
        self._moved = 0  # bytes that a tunnel had carried when somebody looked last

    # What the loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        name = transport.get_extra_info("peername")
        self.peer = name[0] if isinstance(name, tuple) else ""
        self.secure = transport.get_extra_info("sslcontext") is not None
        if sys.platform != "linux":  # where it has that from the listening socket
            watch(transport.get_extra_info("socket"), self.server.limits.watch)
        now = self.loop.time()
        self.deadline = now + self.server.limits.head_time
        if self.server.draining:
            self.drain(now)
        if self.server.meter is not None:
            self.server.meter.take(self)
        if not self.server.admit(self):
            busy = Problem("overloaded", "There are too many connections. Please try again soon.")
            self._discarding = True
            self._say(busy, field_line("Retry-After", "2"))

    def data_received(self, data: bytes) -> None:
        exchange = self.exchange
        if exchange is None:
            if not self._discarding:
                self._buffer = self._buffer + data if self._buffer else data
                self._run()
            elif self._leftover is not None:
                self._skip(self._leftover, data)
        elif self._framing != NONE:
            self._body(exchange, data)
        elif exchange.status == 101:
            exchange.tunnelled(data)
        else:
            self._buffer += data
            if len(self._buffer) > self.server.limits.early:
                self.pause()

    def eof_received(self) -> None:
        """Take the end of what a client says for its leaving, as other servers do."""
        if self.exchange is not None:
            self.exchange.client_left()

    def connection_lost(self, _error: Exception | None) -> None:
        self.lost = True
        self.server.forget(self)
        if self.exchange is not None:
            self.exchange.client_left()

    def pause_writing(self) -> None:
        self.write_paused = True
        self._unsent = 0
        self.deadline = self.loop.time() + self.server.limits.write_stall
        if self.exchange is not None:
            self.exchange.client_full()

    def resume_writing(self) -> None:
        self.write_paused = False
        exchange = self.exchange
        if exchange is not None:
            if exchange.status == 101:
                self.deadline = self.loop.time() + self.server.limits.tunnel_idle
            else:
                self.deadline = NEVER if self._framing == NONE else self._body_deadline()
                if self._paused:
                    self.deadline = self.loop.time() + LOOK
            exchange.client_ready_for_more()
        elif self._leftover is not None:
            self.deadline = min(self._leftover.end, self._body_deadline())
        elif not self._discarding:
            self.deadline = self.loop.time() + self.server.keepalive
            self._run()

    def overdue(self, now: float) -> None:
        """Cut a client that sends or takes nothing; one that is slow but goes on is left in peace."""
        exchange, unsent = self.exchange, self.transport.get_write_buffer_size()
        if unsent and unsent != self._unsent:
            self._unsent = unsent
            self.deadline = now + self.server.limits.write_stall
        elif self._paused and exchange is not None and exchange.status != 101 and not unsent:
            self._look(now)
        elif exchange is not None and exchange.status == 101 and self._tunnel_moved(exchange):
            self.deadline = now + self.server.limits.tunnel_idle
        elif self._leftover is not None:
            self._close()
        elif exchange is None and self._in_head and not self._discarding:
            self._refuse(BadHead("The head of the request did not arrive in time.", 408))
        elif exchange is None or unsent or exchange.status == 101:
            self.transport.abort()
        elif self._framing != NONE:
            exchange.client_fault(Trouble("client", "the rest of the body did not arrive in time", status=408))
        else:
            self.deadline = NEVER

    # What its exchange does

    @property
    def reading_paused(self) -> bool:
        return self._paused

    def pause(self) -> None:
        """Read no more until `resume`; whoever waits meanwhile, it is not for the client."""
        if not self._paused:
            self._paused = True
            if self.exchange is not None and self.exchange.status != 101 and not self.write_paused:
                self.deadline = self.loop.time() + LOOK
            self.transport.pause_reading()

    def resume(self) -> None:
        if self._paused:
            self._paused = False
            if self._framing != NONE:
                self.deadline = self._body_deadline()
            self.transport.resume_reading()

    def tunnel(self, exchange: Exchange) -> None:
        """Carry bytes from now on, those first that came before the switch."""
        self.deadline = self.loop.time() + self.server.limits.tunnel_idle
        early, self._buffer = self._buffer, b""
        self.resume()
        if early:
            exchange.tunnelled(early)

    def give_away(self, exchange: Exchange, head: bytes) -> tuple[asyncio.Transport, bytes]:
        """Answer with this head (101), and leave the connection to somebody else, who sets a protocol at once.

        What has been read of it behind the request is returned too; the server knows of it no longer.
        """
        if self.lost or self.exchange is not exchange or exchange.status:
            raise ConnectionResetError("this connection cannot be given away")
        self.transport.write(head)
        early, self._buffer = self._buffer, b""
        self.resume()
        self.lost, self.deadline = True, NEVER
        self.server.forget(self)
        exchange.status = 101
        exchange.tunnel_ended()
        return self.transport, early

    def finished(self, exchange: Exchange, close: bool) -> None:
        """Go on to the next request, or close where there may be none."""
        self.exchange = None
        if not self._raw:
            self._head = None  # too large to be kept by an idle connection
        if exchange.begun:
            self._tell(exchange)
        else:
            self.server.refused[exchange.status] += 1
        if self.lost:
            return
        if close or exchange.gone:
            self._close()
            return
        if self._framing != NONE:
            self._skip_rest(exchange)
            return
        self._chunks = None
        if self._paused:
            self.resume()
        self.deadline = exchange.ended_at + self.server.keepalive
        if self._buffer and not self._running:
            self._run()

    def write_answer(self, status: int, lines: bytes, body: bytes, *, close: bool, bare: bool) -> None:
        """Write an answer of our own; with `bare` it is the answer to HEAD, without the body that it tells of."""
        parts = [STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status, self.server.dates.line(), lines]
        if status not in BODILESS:
            parts.append(b"Content-Length: %d\r\n" % len(body))
        if close:
            parts.append(CLOSE)
        elif self._head is not None and not self._head.minor:
            parts.append(KEEP)
        parts.append(b"\r\n")
        if not bare and status not in BODILESS:
            parts.append(body)
        self.transport.write(b"".join(parts))

    def drain(self, now: float) -> None:
        """Hang up soon where nothing is going on; the next answer says so everywhere else."""
        limits = self.server.limits
        if self._leftover is not None:
            self._close()
        elif self.exchange is None and not self._in_head:
            grace = limits.drain_first_grace if self._head is None else limits.drain_grace
            self.deadline = min(self.deadline, now + grace)

    @property
    def little_is_left(self) -> bool:
        """Whether it is known how much of the body is to come, and that it is little."""
        return self._framing == COUNTED and self._left <= self.server.limits.small_leftover

    def _tell(self, exchange: Exchange) -> None:
        try:
            self.server.handler.finished(exchange)
        except Exception:
            log.exception("a handler of requests failed behind one")

    # Reading requests

    def _run(self) -> None:
        """Begin what requests there are in the buffer, each after the one before it is over."""
        self._running, turns = True, TURNS
        while self._buffer and self.exchange is None and not (self.write_paused or self._discarding or self.lost):
            if not self._begin(self._buffer):
                break
            turns -= 1
            if not turns:
                self.loop.call_soon(self._run)  # others have their turn
                break
        self._running = False
        if self.exchange is None and len(self._buffer) > self.server.limits.head.size and not self.lost:
            self.pause()

    def _begin(self, data: bytes) -> bool:
        """Begin the request at the start of the data; return whether there is one."""
        end = data.find(END) + 4
        if data[0] == 13 and (empty := EMPTY_LINES.match(data)):
            self._buffer = data[empty.end() :]
            return True
        if end < 4:
            self._incomplete(data)
            return False
        raw = data if end == len(data) else data[:end]
        head = self._head
        if raw != self._raw or head is None:
            try:
                if head is None:
                    raw, head = self.server.first_heads.read(self, raw)
                else:
                    head = parse_request(raw, self.server.limits.head)
            except BadHead as error:
                self._refuse(error)
                return False
            self._head = head
            self._raw = raw if end <= REMEMBERED else b""
        self._buffer = data[end:]
        self._in_head = False
        self._start(head)
        return True

    def _start(self, head: RequestHead) -> None:
        exchange = self.exchange = Exchange(self, head, self.loop.time())
        self.deadline = NEVER
        if head.has_body:
            self._framing = CHUNKED if head.chunked else COUNTED
            self._left = head.length or 0
            self._chunks = ChunkDecoder() if head.chunked else None
            self.deadline = self._body_deadline()
            exchange.expect_body()
            data, self._buffer = self._buffer, b""
            if data:
                self._body(exchange, data)
                if exchange.done:
                    return
        exchange.begun = True
        try:
            self.server.handler.begin(exchange)
        except Exception:
            exchange.crashed()

    def _body(self, exchange: Exchange, data: bytes) -> None:
        """Take what belongs to the body out of the data, and leave the rest for later."""
        if self._framing == COUNTED:
            self._left -= len(data)
            complete = self._left <= 0
            if self._left < 0:
                self._buffer, data = data[self._left :], data[: self._left]
        else:
            chunks = self._chunks
            assert chunks is not None
            try:
                data = chunks.feed(data)
            except BadChunk as error:
                exchange.client_fault(Trouble("client", f"its body is no valid HTTP: {error}", status=400))
                return
            complete = chunks.complete
            self._buffer = chunks.rest
        if complete:
            self._framing = NONE
            self.deadline = NEVER
        else:
            self.deadline = self._body_deadline()
        exchange.body(data, complete)

    def _skip_rest(self, exchange: Exchange) -> None:
        """Read the rest of a body whose answer is over, up to the next request, or close where it is too much."""
        limits = self.server.limits
        most = max(limits.small_leftover, min(limits.leftover, exchange.body_limit - exchange.bytes_in))
        if self.server.draining or (self._framing == COUNTED and self._left > most):
            self._close()
            return
        end = exchange.ended_at + limits.leftover_time
        leftover = self._leftover = Leftover(self._left, self._chunks, most, end)
        self._framing, self._chunks, self._discarding = NONE, None, True
        self.resume()
        self.deadline = min(leftover.end, self._body_deadline())

    def _skip(self, leftover: Leftover, data: bytes) -> None:
        """Throw away what belongs to the leftover, and go on to the next request behind it."""
        try:
            following = leftover.skip(data)
        except BadChunk:
            self._close()
            return
        if following is None:
            self.deadline = min(leftover.end, self._body_deadline())
            return
        self._leftover, self._discarding, self._buffer = None, False, following
        if not self.write_paused:
            self.deadline = self.loop.time() + self.server.keepalive
            self._run()

    def _incomplete(self, data: bytes) -> None:
        if len(data) > self.server.limits.head.size:
            self._refuse(too_large(self.server.limits.head))
        elif hopeless(data) or not BEGINNING.match(data):
            self._refuse(BadHead("This is not the head of an HTTP request."))
        elif not self._in_head:
            self._in_head = True
            self.deadline = self.loop.time() + self.server.limits.head_time

    def _body_deadline(self) -> float:
        return self.loop.time() + self.server.limits.body_idle

    def _look(self, now: float) -> None:
        """Notice a client that leaves while we do not read: the loop tells of that only while we do."""
        if has_left(self.transport.get_extra_info("socket")):
            self.transport.abort()
        else:
            self.deadline = now + LOOK

    def _tunnel_moved(self, exchange: Exchange) -> bool:
        moved = exchange.bytes_in + exchange.bytes_out
        before, self._moved = self._moved, moved
        return moved != before

    # Ending

    def _refuse(self, error: BadHead) -> None:
        """Say why the bytes are no request that we take; nothing behind them can be trusted."""
        self._discarding = True
        self.server.refused[error.status] += 1
        kind = "method-not-allowed" if error.status == 405 else "invalid-request"
        self._say(Problem(kind, str(error), status=error.status), ALLOW if error.status == 405 else b"")

    def _say(self, problem: Problem, lines: bytes) -> None:
        request_id = secrets.token_hex(8)
        lines += CONTENT + field_line(REQUEST_ID, request_id)
        self.write_answer(problem.status, lines, problem.document(request_id), close=True, bare=False)
        self._close()

    def _close(self) -> None:
        """Close so that the client reads the answer: what it still sends is thrown away for a moment, not reset."""
        transport = self.transport
        if transport.is_closing():
            return
        unread = self._discarding or self._framing != NONE or self._buffer
        self._discarding = True
        self._framing, self._buffer, self._leftover = NONE, b"", None
        if unread and transport.can_write_eof():
            transport.write_eof()
            self.resume()
            self.deadline = self.loop.time() + self.server.limits.linger
        else:
            transport.close()
            self.deadline = self.loop.time() + self.server.limits.write_stall
