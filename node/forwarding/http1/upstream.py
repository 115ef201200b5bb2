"""A connection to a worker: carries one request at a time and reads the answer as strictly as we read clients."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol, cast

from node.forwarding.http1.chunks import BadChunk, ChunkDecoder
from node.forwarding.http1.head import END, BadHead, HeadLimits, ResponseHead, hopeless, parse_response
from node.forwarding.http1.interface import Trouble
from node.forwarding.http1.kernel import unread, unsent
from node.forwarding.http1.sweep import NEVER

if TYPE_CHECKING:
    from node.forwarding.http1.exchange import Exchange

REMEMBERED = 2048  # bytes of a head that is kept to recognise it when it comes again
LAST_WORDS = 5.0  # seconds that a worker gets to take what was sent to it before the end
SURE = 64 * 1024  # bytes that a worker's system takes of a body although nobody reads it

# What is being read.
HEAD, COUNTED, CHUNKED, TO_THE_END, TUNNEL = range(5)


class Recent:
    """The last head that came from an address: a worker's answers are often alike to the byte."""

    __slots__ = ("head", "raw")

    def __init__(self) -> None:
        self.raw = b""
        self.head: ResponseHead | None = None

    def parse(self, raw: bytes, limits: HeadLimits) -> ResponseHead:
        """Return the parsed head; raise BadHead."""
        if raw == self.raw and self.head is not None:
            return self.head
        head = parse_response(raw, limits)
        if len(raw) <= REMEMBERED:
            self.raw, self.head = raw, head
        return head


class Owner(Protocol):
    """Whose connection it is: a pool."""

    recent: Recent
    head_limits: HeadLimits
    interim: int

    def free(self, connection: UpstreamConnection) -> None:
        """Take back a connection that can carry another request."""

    def gone(self, connection: UpstreamConnection) -> None:
        """Forget a connection that has ended."""


class UpstreamConnection(asyncio.Protocol):
    """Belongs to at most one exchange; between two of them it is idle in its pool."""

    __slots__ = (
        "_buffer", "_chunks", "_deciding", "_interim", "_left", "_mode", "_paused", "deadline", "exchange",
        "head", "idle_time", "owner", "reused", "transport", "uploading", "write_paused",
    )  # fmt: skip

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        self.transport: asyncio.Transport = cast("asyncio.Transport", None)
        self.exchange: Exchange | None = None
        self.deadline = NEVER
        self.idle_time = 0.0
        self.reused = False
        self.write_paused = False
        self.uploading = 0  # bytes that waited to be sent when somebody looked last
        self.head: ResponseHead | None = None
        self._buffer = b""
        self._mode = HEAD
        self._left = 0
        self._chunks: ChunkDecoder | None = None
        self._deciding = False
        self._paused = False
        self._interim = 0

    @property
    def reading_paused(self) -> bool:
        return self._paused

    @property
    def is_tunnel(self) -> bool:
        """True once the protocol was switched, and bytes are carried as they are."""
        return self._mode == TUNNEL

    # What its exchange does

    def begin(self, exchange: Exchange) -> None:
        """Carry this exchange's request, which the exchange writes to `transport`."""
        self.exchange = exchange
        self._mode = HEAD
        self._interim = 0

    def proceed(self) -> None:
        """Go on behind the head, whose answer is relayed or read now."""
        self._deciding = False
        rest, self._buffer = self._buffer, b""
        if self._paused:
            self.resume()
        self._body_begins(rest)

    def detach(self) -> None:
        """Let go of an exchange that wants no more of the answer; what is half done cannot be used again."""
        self.exchange = None
        self.deadline = NEVER
        self.transport.abort()

    def end(self, exchange: Exchange) -> None:
        """Say no more than what has been said; a worker that does not take that soon is cut off."""
        self.exchange = None
        self.transport.close()
        if self.transport.get_write_buffer_size():
            self.deadline = exchange.client.loop.time() + LAST_WORDS

    def give_up(self, reason: str) -> None:
        """Wait no longer for an answer: whoever was to pass the request on is not there any more."""
        self._fail("reset", reason)

    def pause(self) -> None:
        if not self._paused:
            self._paused = True
            # It is not the worker who is slow now; only the time for the whole request goes on.
            self.deadline = NEVER if self.exchange is None else self.exchange.patience.deadline
            self.transport.pause_reading()

    def resume(self) -> None:
        if self._paused:
            self._paused = False
            if self.exchange is not None and self._mode != TUNNEL:
                self.deadline = self.exchange.worker_deadline()
            self.transport.resume_reading()

    # What the loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        exchange = self.exchange
        if exchange is None:
            self.transport.abort()  # nobody asked; an answer to nothing would become the next one's
            return
        mode = self._mode
        if mode == HEAD:
            self._head(self._buffer + data if self._buffer else data)
            return
        if mode == COUNTED:
            self._counted(exchange, data)
        elif mode == CHUNKED:
            self._chunked(exchange, data)
        else:
            exchange.upstream_data(data, False)
        if self.exchange is not None and not self._paused and mode != TUNNEL:
            self.deadline = exchange.worker_deadline()

    def eof_received(self) -> None:
        """Let the transport close, which tells `connection_lost`."""

    def connection_lost(self, error: Exception | None) -> None:
        self.owner.gone(self)
        if error is not None and self.exchange is not None and not self._deciding:
            data = unread(self.transport)
            if data:
                self.data_received(data)
        exchange, self.exchange = self.exchange, None
        if exchange is None:
            return
        if error is None and self._mode == TO_THE_END and not self._deciding:
            exchange.upstream_data(b"", True)
        elif self._mode == TUNNEL and isinstance(error, ConnectionAbortedError):
            exchange.abort(str(error))  # the application's word, as for a client that does not read
        elif self._mode == TUNNEL:
            exchange.tunnel_ended()
        else:
            begun = self._mode != HEAD or self._deciding or bool(self._buffer) or self._interim > 0
            exchange.upstream_lost(Trouble("reset", "the connection broke"), begun=begun)

    def pause_writing(self) -> None:
        self.write_paused = True
        if self.exchange is not None:
            self.exchange.upstream_full()

    def resume_writing(self) -> None:
        self.write_paused = False
        if self.exchange is not None:
            self.exchange.upstream_ready_for_more()

    def overdue(self, now: float) -> None:
        """Give up a worker that is silent, or an idle connection that nobody has needed."""
        exchange = self.exchange
        if exchange is None:
            self.deadline = NEVER
            self.transport.abort()
            return
        if not exchange.body_complete and not self.write_paused and exchange.response is None:
            self._fail_client(exchange)
            return
        waiting = self.transport.get_write_buffer_size()
        if waiting and waiting != self.uploading and now < exchange.patience.deadline:
            self.uploading = waiting  # slow, but it goes on
            self.deadline = exchange.worker_deadline()
            return
        self._fail("timeout", "the answer did not come, or stopped, within the time limit", 504)

    def _fail_client(self, exchange: Exchange) -> None:
        """Give up because the body has not come before the time for the whole request was over."""
        self.deadline = NEVER
        exchange.client_fault(Trouble("client", "the rest of the body did not arrive in time", status=408))

    # Reading the answer

    def _head(self, data: bytes) -> None:
        """Read a head, and interim ones before it."""
        exchange = self.exchange
        assert exchange is not None
        end = data.find(END) + 4
        if end < 4:
            self._incomplete(data)
            return
        try:
            head = self.owner.recent.parse(data if end == len(data) else data[:end], self.owner.head_limits)
        except BadHead as error:
            self._fail("reset", f"the answer is no valid HTTP: {error}")
            return
        self._buffer = data[end:]
        if head.status < 200 and not (head.status == 101 and head.websocket and exchange.head.websocket):
            self._interim_answer(head)
            return
        self.head = head
        self._deciding = True
        exchange.upstream_head(head)
        if self._deciding and self.exchange is exchange:
            self.pause()

    def _incomplete(self, data: bytes) -> None:
        if len(data) > self.owner.head_limits.size or hopeless(data):
            self._fail("reset", "the answer is no valid HTTP: its head does not end")
        else:
            self._buffer = data

    def _interim_answer(self, head: ResponseHead) -> None:
        """Swallow a 1xx: the client was told to continue long ago, and needs no hints (RFC 9110 §15.2)."""
        self._interim += 1
        if head.status == 101 or self._interim > self.owner.interim:
            self._fail("reset", f"it answered with status {head.status}, which no answer to this can have")
        elif self._buffer:
            data, self._buffer = self._buffer, b""
            self._head(data)

    def _body_begins(self, rest: bytes) -> None:
        exchange, head = self.exchange, self.head
        assert exchange is not None
        assert head is not None
        if head.status == 101:
            self._mode = TUNNEL
            self.deadline = NEVER
            exchange.upstream_data(rest, False)
        elif head.bodiless or head.length == 0 or exchange.head.method == "HEAD":
            self._finish(exchange, b"", rest)
        elif head.length is not None:
            self._mode = COUNTED
            self._left = head.length
            self._counted(exchange, rest)
        elif head.chunked:
            self._mode = CHUNKED
            self._chunks = ChunkDecoder()
            self._chunked(exchange, rest)
        else:
            self._mode = TO_THE_END
            exchange.upstream_data(rest, False)
        if self.exchange is not None and not self._paused and self._mode != TUNNEL:
            self.deadline = exchange.worker_deadline()

    def _counted(self, exchange: Exchange, data: bytes) -> None:
        left = self._left = self._left - len(data)
        if left > 0:
            exchange.upstream_data(data, False)
        elif left == 0:
            self._finish(exchange, data, b"")
        else:
            self._finish(exchange, data[:left], data[left:])

    def _chunked(self, exchange: Exchange, data: bytes) -> None:
        chunks = self._chunks
        assert chunks is not None
        try:
            content = chunks.feed(data)
        except BadChunk as error:
            self._fail("reset", f"the answer is no valid HTTP: {error}")
            return
        if chunks.complete:
            self._finish(exchange, content, chunks.rest)
        else:
            exchange.upstream_data(content, False)

    def _finish(self, exchange: Exchange, data: bytes, surplus: bytes) -> None:
        """Give the last of the answer away, and the connection back if it can be used again."""
        head = self.head
        assert head is not None
        self.exchange = None
        self.deadline = NEVER
        if self._paused:
            self._paused = False
            self.transport.resume_reading()
        sent = exchange.body_complete and not (exchange.bytes_in and self._holds_back(exchange.bytes_in))
        if head.keep_alive and sent and not surplus and not self.transport.is_closing():
            self.owner.free(self)
        else:
            self.end(exchange)
        exchange.upstream_data(data, True)

    def _holds_back(self, size: int) -> bool:
        """Tell whether some of a body of this size has not reached the worker, which does without it."""
        return self.transport.get_write_buffer_size() > 0 or (size > SURE and unsent(self.transport) > 0)

    def _fail(self, kind: str, reason: str, status: int = 502) -> None:
        exchange, self.exchange = self.exchange, None
        self.deadline = NEVER
        self.transport.abort()
        if exchange is not None:
            trouble = Trouble("timeout" if kind == "timeout" else "reset", reason, status=status)
            exchange.upstream_lost(trouble, begun=True)
