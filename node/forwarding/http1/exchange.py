"""One request on its way: driven by callbacks, without a task or future of its own.

A handler gets it with a complete head, and then says `answer`, `forward`, `to_app` or `abort`, at once or later.
After `forward` its Attempt hears either `answered` (and then says `relay`, `peek` or `discard`) or `failed` (and
then says `forward` once more, or `answer`). When the client goes, nothing of that is called any more, only
`on_gone` and the handler's `finished`; what is said of an exchange that is done has no effect.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from msgspec.structs import replace

from node.forwarding.http1 import head as heads
from node.forwarding.http1.chunks import LAST, chunk, chunk_parts
from node.forwarding.http1.head import Passing, RequestHead, ResponseHead
from node.forwarding.http1.interface import Attempt, Patience, Source, Trouble, problem_of
from node.forwarding.http1.limits import PEEK_BYTES, REPLAY_BYTES
from node.forwarding.http1.sweep import NEVER
from node.forwarding.http1.upstream import UpstreamConnection
from node.wire.headers import REQUEST_ID
from node.wire.problems import CONTENT_TYPE, Problem

if TYPE_CHECKING:
    from node.forwarding.http1.client import ClientConnection

log = logging.getLogger(__name__)
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
CLOSE = b"Connection: close\r\n"
KEEP = b"Connection: keep-alive\r\n"  # HTTP/1.0 wants to be told
PIECES = 256  # that are kept: each costs more than its bytes
SMALL = 16 * 1024  # bytes up to which copying costs less than another write
CONTENT = heads.field_line("Content-Type", CONTENT_TYPE)
NO_PATIENCE = Patience()
TOO_LARGE = Trouble("client", "the body is larger than it may be", status=413)


class Exchange:
    """A request and its answer; what is public may be read by the handler at any time."""

    # Slots, because the interpreter reads an attribute of ten times faster where the class has none of that name.
    __slots__ = (
        "_answer_ended", "_attempt", "_closing", "_continued", "_framing", "_head_out", "_kept", "_kept_size",
        "_peeked", "_peeking", "_repeatable", "_request", "_source", "_unhurried", "answered_at", "began_at",
        "begun", "body_complete", "body_limit", "broken", "bytes_in", "bytes_out", "client", "context", "done",
        "ended_at", "gone", "head", "keep_body", "lines", "on_gone", "patience", "request_id", "response",
        "status", "upstream",
    )  # fmt: skip

    def __init__(self, client: ClientConnection, head: RequestHead, now: float) -> None:
        self.client = client
        self.head = head
        self.upstream: UpstreamConnection | None = None
        self.response: ResponseHead | None = None
        self.began_at = now
        self.answered_at = self.ended_at = 0.0  # times of the loop: first byte of an answer, last of all
        self.status = 0  # of the answer that went out
        self.bytes_in = self.bytes_out = self._kept_size = 0  # of the bodies; the last is held for another try
        self.begun = self.done = False  # the handler knows of it; it is over
        self.gone = False  # the client left before the end, or was cut because it did not do its part
        self.broken = ""  # why an answer that had begun was not finished
        self.body_complete = self.keep_body = True  # the latter as long as there may be another try
        self.body_limit: float = NEVER  # bytes; more is the client's fault (413)
        self.context: Any = None  # the handler's own
        self.request_id = ""  # of the handler, for problem documents
        self.lines = b""  # whole lines for the head of whatever answer it gets; the handler's id is among them
        self.on_gone: Callable[[], None] | None = None
        self.patience = self._unhurried = NO_PATIENCE  # the latter is what it is again after a peek

        self._source: Source | None = None
        self._attempt: Attempt | None = None
        self._request = b""
        self._repeatable = self._continued = self._answer_ended = self._closing = False
        self._kept: list[bytes] | None = None
        self._head_out: bytes | None = None
        self._framing = heads.NONE
        self._peeked: bytearray | None = None
        self._peeking: Callable[[bytes | None], None] | None = None

    # What the handler says

    @property
    def peer(self) -> str:
        """The address at the other end of the connection."""
        return self.client.peer

    @property
    def secure(self) -> bool:
        return self.client.secure

    @property
    def last(self) -> bool:
        """Whether no other request follows on this connection."""
        return not self.head.keep_alive or self.client.server.draining

    @property
    def replayable(self) -> bool:
        """Whether the body, as far as it has come, can be sent from its beginning (once more)."""
        return not self.head.has_body or self._kept is not None

    def forward(
        self, source: Source, request: bytes, attempt: Attempt, patience: Patience, *, repeatable: bool = False
    ) -> None:
        """Send the request to a worker; `request` is the whole head (`heads.request_head`).

        `repeatable` says that it does no harm to execute it twice: a kept connection that turns out to be dead is
        then replaced by a fresh one without `attempt` hearing of it.
        """
        if self.done:
            return
        head = self.head
        if self.status or (head.has_body and self._kept is None):
            raise RuntimeError("this request can be forwarded no more")
        if self._source is not None:
            self._let_go()
        self.response = None
        self._source = source
        self._request = request
        self._attempt = attempt
        self._repeatable = repeatable
        self.patience = patience
        if head.has_body and not self._may_send_body():
            return
        upstream = source.acquire(self, False)
        if upstream is not None:
            self.connected(upstream)

    def to_app(self) -> None:
        """Let the application that shares the port answer."""
        self.client.server.to_app(self)

    def relay(self, passing: Passing, added: bytes = b"", endless: bool = False) -> None:
        """Send the answer on as it comes, with further lines in its head; `endless` takes the deadline from it."""
        response = self.response
        if self.done or response is None:
            return
        client, head = self.client, self.head
        framing = self._framing = heads.framing_for(head, response)
        self._closing = framing == heads.CLOSING or not head.keep_alive or client.server.draining
        if "date" not in response.values:  # RFC 9110 §6.6.1
            added += client.server.dates.line()
        if self._closing and response.status != 101:
            added += CLOSE
        elif not head.minor:
            added += KEEP
        self._head_out = b"%b%b%b\r\n" % (heads.response_start(response, passing, framing), added, self.lines)
        self.status = response.status
        self._kept = None
        if endless:
            self.patience = replace(self.patience, deadline=NEVER)
        if self._peeked is not None:
            self._relay_peeked()
        elif self.upstream is not None:
            self.upstream.proceed()
            if response.status == 101:
                self.client.tunnel(self)

    def discard(self) -> None:
        """Let go of the answer; say `forward` or `answer` next."""
        self._let_go()

    def peek(self, then: Callable[[bytes | None], None]) -> None:
        """Read the body of a small answer whole; `then` hears it, or None when it is too large.

        It must come as soon as a connection must; where it does not, or breaks off, the attempt hears `failed`.
        """
        self._peeked, self._peeking, self._unhurried = bytearray(), then, self.patience
        end = min(self.patience.deadline, self.client.loop.time() + self.patience.connect)
        self.patience = replace(self.patience, deadline=end)
        assert self.upstream is not None
        self.upstream.proceed()

    def answer(self, status: int, lines: bytes = b"", body: bytes = b"") -> None:
        """Answer without a worker; `lines` are whole lines of the head (`heads.field_line`)."""
        self._let_go()
        if self.done or self.status:
            return
        lines += self.lines
        self.status = status
        self._closing = self._closing or self.last or not (self.body_complete or self._little_is_missing())
        self.bytes_out = 0 if self.head.method == "HEAD" else len(body)
        self.client.write_answer(status, lines, body, close=self._closing, bare=self.head.method == "HEAD")
        self._finish()

    def refuse(self, problem: Problem, lines: bytes = b"") -> None:
        """Answer with a problem document."""
        if not self.request_id:
            self.request_id = secrets.token_hex(8)
            lines += heads.field_line(REQUEST_ID, self.request_id)
        told = b"".join(heads.field_line(name, value) for name, value in problem.headers.items())
        self.answer(problem.status, lines + told + CONTENT, problem.document(self.request_id))

    def abort(self, reason: str = "it was given up") -> None:
        """Cut the client's connection, so that half an answer cannot be taken for a whole one."""
        self._let_go()
        self._break(reason)

    # What the client's connection tells

    def expect_body(self) -> None:
        self.body_complete = False
        self._kept = []

    def body(self, data: bytes, complete: bool) -> None:
        """Take a piece of the request's body, and send or keep it."""
        self.bytes_in += len(data)
        self.body_complete = complete
        if self.bytes_in > self.body_limit:
            self.client_fault(TOO_LARGE)
            return
        if self._kept is not None and data:
            self._kept.append(data)
            self._kept_size += len(data)
            if len(self._kept) > PIECES:
                self._kept = [b"".join(self._kept)]
        upstream = self.upstream
        if upstream is None:
            if self._kept_size >= REPLAY_BYTES and not complete:
                self.client.pause()
            return
        self._send_piece(upstream, data, complete)
        self._stop_keeping()
        upstream.deadline = self.worker_deadline()
        if upstream.write_paused and not complete:
            self.client.pause()

    def client_fault(self, trouble: Trouble) -> None:
        """Give up because of the client: tell the handler where nothing has gone out, else cut the connection."""
        attempt = self._attempt
        self._let_go()
        self._kept = None
        self._closing = trouble is not TOO_LARGE  # of that one alone do we know where it ends
        if self.status or self.done:
            self.gone = True
            self._break(trouble.reason)
        elif attempt is not None:
            self._attempt = attempt
            self._failed(trouble)
        else:
            self.refuse(problem_of(trouble))

    def crashed(self) -> None:
        """End an exchange whose handler raised: it would wait for ever."""
        log.exception("a handler of requests failed", extra={"request_id": self.request_id})
        if self.status:
            self._break("the handler failed")
        else:
            self.refuse(Problem("internal-error", "An error that we did not expect."))

    def tunnelled(self, data: bytes) -> None:
        """Carry what a client says after the switch of protocols."""
        upstream = self.upstream
        if upstream is not None:
            self.bytes_in += len(data)
            self.client.outbox.direct(upstream.transport).write(data)
            if upstream.write_paused:
                self.client.pause()

    def client_left(self) -> None:
        if self.done:
            return
        self.gone = True
        if self.status == 101 and self.upstream is not None:
            upstream, self.upstream = self.upstream, None
            upstream.end(self)  # what the client said last still arrives
        self._let_go()
        if self.on_gone is not None:
            self.on_gone()
        self._finish()

    def client_full(self) -> None:
        """Stop reading the answer until the client has taken what it was sent."""
        if self.upstream is not None and self.status:
            self.upstream.pause()

    def client_ready_for_more(self) -> None:
        if self.upstream is not None and self.status:
            self.upstream.resume()

    # What the pool and the upstream connection tell

    def connected(self, upstream: UpstreamConnection) -> None:
        """Send head and what there is of the body over this connection."""
        self.upstream = upstream
        upstream.begin(self)
        if self.head.has_body:
            self._send_body(upstream)
        else:
            self.client.outbox.write(upstream.transport, self._request, self.client.loop)
        if not self.done:
            upstream.deadline = self.worker_deadline()

    def not_connected(self, reason: str, kind: Literal["connect", "full"] = "connect") -> None:
        self._failed(Trouble(kind, reason, executed=False))

    def upstream_head(self, head: ResponseHead) -> None:
        self.response = head
        assert self._attempt is not None
        try:
            self._attempt.answered(self, head)
        except Exception:
            self.crashed()

    def upstream_data(self, data: bytes, end: bool) -> None:
        """Take a piece of the answer's body; with `end` it is the last, and the connection has been given back."""
        if end:
            self.upstream = None
        if self._peeking is not None:
            self._peek_data(data, end)
            return
        self._write(data, end)
        if end:
            self._finish()
        elif self.client.write_paused and self.upstream is not None:
            self.upstream.pause()

    def upstream_lost(self, trouble: Trouble, *, begun: bool) -> None:
        """Hear that the connection broke; nothing of an answer had come unless `begun`."""
        upstream, self.upstream = self.upstream, None
        source = self._source
        assert source is not None
        if self.status:
            self._break(trouble.reason)
        elif not begun and self._repeatable and self.replayable and upstream is not None and upstream.reused:
            fresh = source.acquire(self, True)
            if fresh is not None:
                self.connected(fresh)
        else:
            self.response = self._peeking = self._peeked = None
            self._failed(trouble)

    def tunnel_ended(self) -> None:
        self.upstream = None
        self._closing = True
        self._finish()

    def upstream_full(self) -> None:
        self._upload_turns(self.client.pause)

    def upstream_ready_for_more(self) -> None:
        self._upload_turns(self.client.resume)

    def _upload_turns(self, turn: Callable[[], None]) -> None:
        if not self.body_complete or self.status == 101:
            turn()
            if self.upstream is not None and self.status != 101:
                self.upstream.deadline = self.worker_deadline()

    def worker_deadline(self) -> float:
        """Return until when the worker must have done the next thing that it owes."""
        patience, upstream = self.patience, self.upstream
        if self.response is not None:
            limit = patience.idle
        elif self.body_complete:
            limit = patience.first_byte
        elif upstream is None or upstream.write_paused:
            limit = patience.idle
        else:
            return patience.deadline  # it is the client who owes
        return min(self.client.loop.time() + limit, patience.deadline)

    # Inner workings

    def _failed(self, trouble: Trouble) -> None:
        assert self._attempt is not None
        try:
            self._attempt.failed(self, trouble)
        except Exception:
            self.crashed()

    def _little_is_missing(self) -> bool:
        """Tell whether the body that we do not want will come to its end, and soon."""
        # A client that waits for a go-ahead and gets an answer may send its body or not (RFC 9110 §10.1.1).
        return self.client.little_is_left and (self._continued or not self.head.expects_continue)

    def _may_send_body(self) -> bool:
        """Check the size of the body as far as it is known, and tell a client that waits for it to go ahead."""
        if max(self.bytes_in, self.head.length or 0) > self.body_limit:
            self.client_fault(TOO_LARGE)
            return False
        if self.head.expects_continue and not self._continued:
            self._continued = True
            if not self.bytes_in and not self.body_complete:
                self.client.transport.write(CONTINUE)
        return True

    def _send_body(self, upstream: UpstreamConnection) -> None:
        """Send the head together with what was kept of the body."""
        kept = self._kept or []
        parts = [self._request]
        parts += [chunk(piece) for piece in kept] if self.head.chunked else kept
        if self.head.chunked and self.body_complete:
            parts.append(LAST)
        if self.body_complete and self._kept_size < SMALL:
            self.client.outbox.write(upstream.transport, b"".join(parts), self.client.loop)
        else:
            self.client.outbox.direct(upstream.transport).writelines(parts)
        self._stop_keeping()
        if not self.body_complete and not upstream.write_paused:
            self.client.resume()

    def _send_piece(self, upstream: UpstreamConnection, data: bytes, complete: bool) -> None:
        transport = self.client.outbox.direct(upstream.transport)
        if not self.head.chunked:
            transport.write(data)
            return
        if data:
            transport.writelines(chunk_parts(data))
        if complete:
            transport.write(LAST)

    def _stop_keeping(self) -> None:
        if self._kept is not None and (self._kept_size > REPLAY_BYTES or not self.keep_body):
            self._kept = None

    def _relay_peeked(self) -> None:
        data = bytes(self._peeked or b"")
        ended, upstream = self._answer_ended, self.upstream
        self._peeked = None
        self._write(data, ended)
        if ended:
            self._finish()
        elif upstream is not None:
            upstream.resume()

    def _peek_data(self, data: bytes, end: bool) -> None:
        peeked = self._peeked
        assert peeked is not None
        peeked += data
        self._answer_ended = end
        large = len(peeked) > PEEK_BYTES
        if not (large or end):
            return
        then, self._peeking, self.patience = self._peeking, None, self._unhurried
        assert then is not None
        if large and self.upstream is not None:
            self.upstream.pause()
        try:
            then(None if large else bytes(peeked))
        except Exception:
            self.crashed()

    def _write(self, data: bytes, end: bool) -> None:
        """Write a piece of the answer, framed, together with the head where that has not gone out."""
        size = len(data)
        self.bytes_out += size
        if size > SMALL:
            self._write_large(data, end)
            return
        if self._framing == heads.CHUNKED:
            data = chunk(data) if size else b""
            if end:
                data += LAST
        if self._head_out is not None:
            data = self._head_out + data
            self._head_out = None
            self.answered_at = self.client.loop.time()
        if data:
            self.client.transport.write(data)

    def _write_large(self, data: bytes, end: bool) -> None:
        """Write without a copy."""
        parts = [data]
        if self._framing == heads.CHUNKED:
            parts = [*chunk_parts(data), LAST] if end else chunk_parts(data)
        if self._head_out is not None:
            parts.insert(0, self._head_out)
            self._head_out = None
            self.answered_at = self.client.loop.time()
        self.client.transport.writelines(parts)

    def _let_go(self) -> None:
        """Drop the worker, at whatever point it is."""
        upstream, source = self.upstream, self._source
        self.upstream = self._source = None
        if upstream is not None:
            upstream.detach()
        elif source is not None:
            source.cancel(self)
        self._attempt = self._peeking = self._peeked = None

    def _break(self, reason: str) -> None:
        """End an answer that cannot be finished, in a way that nobody takes for its end."""
        self.broken = self.broken or reason
        self._closing = True
        self.client.transport.abort()
        self._finish()

    def _finish(self) -> None:
        if self.done:
            return
        self.done = True
        self.ended_at = self.client.loop.time()
        self._kept = self._attempt = self._source = None
        self.client.finished(self, self._closing)
