"""Asks a worker a canary: on the way and in the form in which the gateway asks it anything."""

from __future__ import annotations

import asyncio
import errno
import random
import secrets
import ssl
from collections.abc import Awaitable, Callable
from typing import cast
from urllib.parse import urlsplit

from coordinator_server.gateway.key_uses import Came
from coordinator_server.gateway.plane import relay_bases
from coordinator_server.probation.canaries import LARGEST_ANSWER, Question
from node.forwarding.forwarder import RELAY
from node.forwarding.headers import forwarded, new_trace
from node.forwarding.http1.chunks import BadChunk, ChunkDecoder
from node.forwarding.http1.head import END, BadHead, HeadLimits, ResponseHead, field_line, parse_response
from node.forwarding.http1.pool import Address
from node.forwarding.http1.upstream import UpstreamConnection
from node.forwarding.interface import Target
from node.forwarding.resolver import PublicConnector
from node.routing.candidates import candidate_from_record
from node.wire import headers
from node.wire.messages import WorkerRecord

AGENTS = ("python-requests/2.32.3", "curl/8.5.0", "okhttp/4.12.0", "node-fetch/1.0", "Mozilla/5.0")
LIMITS = HeadLimits()

ToWorker = Callable[[str, asyncio.Protocol], Awaitable[bool]]  # see RelayHub.connect


class Reply(asyncio.Protocol):
    """Reads one answer whole, as strictly as the gateway does."""

    def __init__(self) -> None:
        self.transport = cast("asyncio.Transport", None)
        self.answer: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        self.reused = False
        self._buffer = b""
        self._head: ResponseHead | None = None
        self._chunks: ChunkDecoder | None = None
        self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self.answer.done():
            return
        try:
            self._take(data)
        except (BadHead, BadChunk) as error:
            self._fail(f"its answer is not HTTP: {error}")
        if len(self._body) + len(self._buffer) > LARGEST_ANSWER:
            self._fail("its answer is far too long")

    def connection_lost(self, error: Exception | None) -> None:
        if self.answer.done():
            return
        if self._head is not None and self._chunks is None and self._head.length is None:
            self.answer.set_result((self._head.status, self._body))
        else:
            self._fail("it broke off the connection" if error is None else f"it broke off: {error}")

    def _take(self, data: bytes) -> None:
        while self._head is None:
            raw, end, data = (self._buffer + data).partition(END)
            if not end:
                self._buffer, data = raw, b""
                if len(raw) > LIMITS.size:
                    raise BadHead("Its head has no end.")
                return
            self._buffer = b""
            head = parse_response(raw + END, LIMITS)
            self._head = head if head.status >= 200 else None
        head = self._head
        if head.chunked:
            self._chunks = self._chunks or ChunkDecoder()
            self._body += self._chunks.feed(data)
            done = self._chunks.complete
        else:
            self._body += data
            done = head.bodiless or (head.length is not None and len(self._body) >= head.length)
        if done and not self.answer.done():
            self.answer.set_result((head.status, self._body[: head.length]))

    def _fail(self, reason: str) -> None:
        if not self.answer.done():
            self.answer.set_exception(OSError(errno.EPROTO, reason))
            self.answer.exception()  # whether anybody waits for it or not


class Asker:
    """Asks workers; `came` tells how a request is said to have come, `secure` whether requests come by TLS."""

    def __init__(
        self,
        token_for: Callable[[str], str],
        relayed: ToWorker,
        *,
        vpn_up: Callable[[], bool],
        secure: bool,
        came: Callable[[], Came],
        patience: float,
    ) -> None:
        self._token_for = token_for
        self._relayed = relayed
        self._vpn_up = vpn_up
        self._proto = "https" if secure else "http"
        self._came = came
        self._patience = patience
        self._connect = PublicConnector()

    async def ask(self, record: WorkerRecord, service: str, question: Question) -> tuple[int, bytes]:
        """Return status and body of the answer; raise OSError or TimeoutError where there is none."""
        candidate = candidate_from_record(record, "registry", vpn_up=self._vpn_up(), relay=relay_bases)
        failure: OSError = OSError(errno.EHOSTUNREACH, "it gives no address that can be reached from here")
        for target in candidate.targets if candidate is not None else ():
            reply = Reply()
            try:
                async with asyncio.timeout(self._patience):
                    await self._reach(record.worker_id, target, reply)
                    reply.transport.write(self._request(record.worker_id, target, service, question))
                    return await reply.answer
            except OSError as error:  # TimeoutError among them
                failure = error
                if reply.transport is not None:
                    raise
            finally:
                if reply.transport is not None:
                    reply.transport.abort()
        raise failure

    async def _reach(self, worker_id: str, target: Target, reply: Reply) -> None:
        parts = urlsplit(target.base_url)
        if parts.scheme == RELAY:
            await self._relayed(worker_id, reply)
            return
        tls = ssl.create_default_context() if parts.scheme == "https" else None
        host = parts.hostname or ""
        address = Address(host, parts.port or (80 if tls is None else 443), tls, host if tls is not None else None)
        await self._connect(address, cast("UpstreamConnection", reply))

    def _request(self, worker_id: str, target: Target, service: str, question: Question) -> bytes:
        came, proto = self._came(), self._proto
        fields = {
            "Host": urlsplit(target.base_url).netloc,
            "User-Agent": random.choice(AGENTS),  # noqa: S311 - guards nothing
            "Accept": "*/*",
            "Content-Type": question.content_type,
            "X-Forwarded-For": came.peer,
            "X-Forwarded-Proto": proto,
            "X-Forwarded-Host": came.host,
            "Forwarded": forwarded(came.peer, proto, came.host),
            "Content-Length": str(len(question.body)),
            headers.REQUEST_ID: secrets.token_hex(8),
            headers.TRACEPARENT: new_trace(),
            headers.MESH_TOKEN: self._token_for(worker_id),
            headers.HOPS: "1",
        }
        if question.method == "GET":
            del fields["Content-Type"], fields["Content-Length"]
        lines = b"".join(field_line(name, value) for name, value in fields.items())
        start = f"{question.method} /service/{service}{question.path} HTTP/1.1\r\n".encode("latin-1")
        return start + lines + b"\r\n" + (question.body if question.method == "POST" else b"")
