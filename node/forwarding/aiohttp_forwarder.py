"""Forwards with aiohttp's client: streams both ways with back-pressure, and hangs up when the client goes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
import msgspec
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from node.forwarding import websocket
from node.forwarding.body import Body
from node.forwarding.headers import response_headers
from node.forwarding.interface import (
    Callee,
    ConnectFailed,
    Exchange,
    ForwardingError,
    Limits,
    Upstream,
    UpstreamReset,
    UpstreamTimeout,
)
from node.forwarding.resolver import PublicResolver
from node.wire import headers
from node.wire.problems import CONTENT_TYPE, Problem

CONNECTIONS = 4096
CONNECTIONS_PER_WORKER = 512
KEEPALIVE = 30.0  # seconds that an idle connection to a worker is kept
PROBLEM_BYTES = 64 * 1024
MAX_HEAD_LINE = 16 * 1024
LAST_STATUS = 599
REASON_CHARACTERS = 200
# aiohttp would put its own values where the client sent none.
NO_AUTO_HEADERS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class AiohttpForwarder:
    """Holds the connection pool; `token_for(worker_id)` gives the token that proves us to another node."""

    def __init__(self, token_for: Callable[[str], str]) -> None:
        self._token_for = token_for
        self._session: aiohttp.ClientSession | None = None

    async def attempt(self, callee: Callee, exchange: Exchange, limits: Limits) -> Upstream:
        """Send the request; see Forwarder."""
        url = URL(callee.target.base_url + self._path(callee, exchange), encoded=True)
        head = exchange.headers.copy()
        self._prove(callee, head)
        if exchange.websocket:
            try:
                return await websocket.connect(self._open(), url, head, exchange, limits)
            except aiohttp.ClientError as error:
                raise translated(error) from None
        response = await self._send(url, head, exchange, limits)
        if not 200 <= response.status <= LAST_STATUS:  # a 101 that nobody asked for would end HTTP on the line
            response.close()
            raise UpstreamReset(f"it answered with status {response.status}, which no answer to this can have")
        return HttpUpstream(response, exchange, limits)

    async def start(self) -> None:
        """Open the pool, which the first attempt would do as well."""
        self._open()

    async def stop(self) -> None:
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    @staticmethod
    def _path(callee: Callee, exchange: Exchange) -> str:
        if callee.service_token is not None:
            return exchange.path_qs
        return f"/service/{exchange.service}{exchange.path_qs}"

    def _prove(self, callee: Callee, head: CIMultiDict[str]) -> None:
        if callee.service_token is not None:
            head[headers.SERVICE_TOKEN] = callee.service_token
        else:
            head[headers.MESH_TOKEN] = self._token_for(callee.worker_id)
            head[headers.HOPS] = "1"

    async def _send(
        self, url: URL, head: CIMultiDict[str], exchange: Exchange, limits: Limits
    ) -> aiohttp.ClientResponse:
        """Send head and body; return the answer whose head has come."""
        body = exchange.body
        if body is not None and body.length is not None:
            head["Content-Length"] = str(body.length)
        try:
            async with asyncio.timeout(None) as timer:
                watch = _FirstByte(timer, exchange, limits)
                try:
                    return await self._request(exchange.method, url, head, body, limits.connect)
                finally:
                    watch.end()
        except TimeoutError as error:
            if isinstance(error, aiohttp.ConnectionTimeoutError):
                raise ConnectFailed(f"it took no connection within {limits.connect:g} s") from None
            raise watch.verdict() from None
        except aiohttp.ClientError as error:
            if body is not None and body.problem is not None:
                raise body.problem from None
            raise translated(error) from None

    async def _request(
        self, method: str, url: URL, head: CIMultiDict[str], body: Body | None, connect: float
    ) -> aiohttp.ClientResponse:
        return await self._open().request(
            method,
            url,
            headers=head,
            data=body,
            skip_auto_headers=NO_AUTO_HEADERS,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect),
        )

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            connector = aiohttp.TCPConnector(
                limit=CONNECTIONS,
                limit_per_host=CONNECTIONS_PER_WORKER,
                keepalive_timeout=KEEPALIVE,
                ttl_dns_cache=30,
                resolver=PublicResolver(),
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                max_line_size=MAX_HEAD_LINE,
                max_field_size=MAX_HEAD_LINE,
            )
            # aiohttp would ask the same worker again by itself; whether and whom to ask is the router's business.
            self._session._retry_connection = False
        return self._session


class HttpUpstream:
    """A plain HTTP answer whose head has come."""

    def __init__(self, response: aiohttp.ClientResponse, exchange: Exchange, limits: Limits) -> None:
        self._response = response
        self._exchange = exchange
        self._limits = limits
        self._peeked = b""
        self._writing = False
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self.broken = ""

    async def problem(self) -> Mapping[str, Any] | None:
        """Return the problem document that this answer is, if it is a small one."""
        if self._response.content_type != CONTENT_TYPE or (self._response.content_length or 0) > PROBLEM_BYTES:
            return None
        try:
            async with asyncio.timeout(self._limits.connect):
                while len(self._peeked) <= PROBLEM_BYTES and (chunk := await self._response.content.readany()):
                    self._peeked += chunk
            document = msgspec.json.decode(self._peeked)
        except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError, RecursionError):
            return None
        return document if isinstance(document, dict) else None

    async def relay(self, added: Mapping[str, str]) -> web.StreamResponse:
        """Stream the answer to the client as it comes."""
        response = web.StreamResponse(status=self.status, reason=self._response.reason)
        response.headers.extend(response_headers(self.headers))
        response.headers.update(added)
        try:
            await response.prepare(self._exchange.request)
            await self._stream(response)
            if not self.broken:
                await response.write_eof()
        finally:
            self._end()
        if self.broken:
            abort(self._exchange.request)
        return response

    def discard(self) -> None:
        self._response.close()

    async def _stream(self, response: web.StreamResponse) -> None:
        now = asyncio.get_running_loop().time
        endless = self._response.content_type == "text/event-stream"  # lasts as long as both sides like
        deadline = float("inf") if endless else self._limits.deadline
        try:
            async with asyncio.timeout(None) as timer:
                self._watch_upload(lambda: timer.reschedule(min(deadline, now() + self._limits.idle)))
                if self._peeked:
                    await self._write(response, self._peeked)
                while True:
                    timer.reschedule(min(deadline, now() + self._limits.idle))
                    chunk = await self._read()
                    if not chunk:
                        return
                    await self._write(response, chunk)
        except TimeoutError:
            if self._writing:  # the worker is well: it is the client that takes nothing
                abort(self._exchange.request)
                raise ConnectionResetError("the client stopped reading") from None
            self.broken = "the answer stopped half-way and ran into its time limit"
        finally:
            self._watch_upload(None)

    async def _write(self, response: web.StreamResponse, data: bytes) -> None:
        self._writing = True
        await response.write(data)
        self._writing = False

    async def _read(self) -> bytes:
        try:
            return await self._response.content.readany()
        except aiohttp.ClientError as error:
            self.broken = f"the answer broke off: {error}"
            return b""

    def _watch_upload(self, went_on: Callable[[], None] | None) -> None:
        if self._exchange.body is not None:
            self._exchange.body.on_progress = went_on

    def _end(self) -> None:
        """Keep the connection for others when both sides of it are through, else close it."""
        body = self._exchange.body
        uploaded = body is None or body.complete
        if uploaded and self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()


class _FirstByte:
    """Watches that a request goes forward: the body keeps flowing, then the answer begins in time."""

    def __init__(self, timer: asyncio.Timeout, exchange: Exchange, limits: Limits) -> None:
        self._timer = timer
        self._body = exchange.body
        self._limits = limits
        self._now = asyncio.get_running_loop().time
        self.went_on()
        if self._body is not None:
            self._body.on_progress = self.went_on

    def went_on(self) -> None:
        uploading = self._body is not None and not self._body.complete
        limit = self._limits.idle if uploading else self._limits.first_byte
        self._timer.reschedule(min(self._limits.deadline, self._now() + limit))

    def end(self) -> None:
        if self._body is not None:
            self._body.on_progress = None

    def verdict(self) -> Exception:
        """Return the exception that says who kept whom waiting."""
        if self._body is not None and self._body.waiting_for_client:
            text = f"The rest of the body did not arrive within {self._limits.idle:g} s."
            return Problem("invalid-request", text, status=408)
        return UpstreamTimeout(f"no answer within {self._limits.first_byte:g} s")


def translated(error: Exception) -> ForwardingError:
    """Return what an aiohttp error means for the request; a client reads it, so it names no worker's address."""
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno  # the error's own text has the address in it
        return ConnectFailed(f"no connection: {os.strerror(number) if number and number > 0 else 'lookup failed'}")
    if isinstance(error, aiohttp.InvalidURL | aiohttp.ConnectionTimeoutError):
        return ConnectFailed(f"no connection: {type(error).__name__}")
    text = error.message if isinstance(error, aiohttp.ClientResponseError) else str(error)
    return UpstreamReset(
        f"the connection broke: {' '.join(text.split())[:REASON_CHARACTERS] or type(error).__name__}"
    )


def abort(request: web.Request) -> None:
    """Cut the client's connection, so that half an answer cannot be taken for a whole one."""
    if request.transport is not None:
        request.transport.abort()
