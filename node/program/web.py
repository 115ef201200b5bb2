"""How our aiohttp servers behave: problems for errors, a request id on every answer, typed bodies, clear ports."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import re
import secrets
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from node.program.accepting import accept_no_more
from node.program.errors import EXIT_FAILED, EXIT_IN_USE, UserFacingError
from node.program.logs import REQUEST_ID
from node.program.port_owner import port_owner
from node.program.tasks import TaskSet
from node.wire import headers
from node.wire.problems import CONTENT_TYPE, Problem

T = TypeVar("T")
log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
BACKLOG = 1024
HEAD_TIMEOUT = 30.0  # seconds in which a new connection must have brought a whole request's head
BODY_TIMEOUT = 30.0  # seconds for a body that is read whole
SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
BY_STATUS = {
    400: "invalid-request", 404: "not-found", 405: "method-not-allowed", 413: "payload-too-large",
    415: "unsupported-media-type",
}  # fmt: skip


@web.middleware
async def manners(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request an id, and turn whatever goes wrong into a problem document."""
    wished = request.headers.get(headers.REQUEST_ID, "")
    request_id = wished if SAFE_ID.fullmatch(wished) else secrets.token_hex(8)
    mark = REQUEST_ID.set(request_id)
    try:
        response = await _answer(request, handler, request_id)
    finally:
        REQUEST_ID.reset(mark)
    if not response.prepared:
        response.headers.setdefault(headers.REQUEST_ID, request_id)
        _cut_if_begun(request)
    return response


def _cut_if_begun(request: web.Request) -> None:
    """Drop the line when part of another answer has gone out: a second head in its body would pass for content."""
    if request.writer.output_size > 0 and request.transport is not None:
        log.debug("%s %s: the answer ended half way", request.method, request.path)
        request.transport.abort()


async def _answer(request: web.Request, handler: Handler, request_id: str) -> web.StreamResponse:
    try:
        return await handler(request)
    except Problem as problem:
        return problem_response(problem, request_id)
    except web.HTTPException as error:
        if error.status < 400:
            error.headers.setdefault(headers.REQUEST_ID, request_id)
            raise
        kind = BY_STATUS.get(error.status, "invalid-request")
        kept = {key: value for key, value in error.headers.items() if key == "Allow"}
        return problem_response(
            Problem(kind, _detail(request, error), status=error.status, headers=kept), request_id
        )
    except TimeoutError:
        log.warning("%s %s took too long", request.method, request.path)
        return problem_response(Problem("upstream-timeout", "The answer took too long."), request_id)
    except Exception as error:
        if isinstance(error, ConnectionResetError) and _has_gone(request):
            log.debug("%s %s: the client has gone", request.method, request.path)
        else:
            log.exception("%s %s failed", request.method, request.path)
        text = f"An error that we did not expect. Please tell the operator this id: {request_id}."
        return problem_response(Problem("internal-error", text), request_id)


def _detail(request: web.Request, error: web.HTTPException) -> str:
    method, path = request.method[:16], request.path[:200]
    if isinstance(error, web.HTTPMethodNotAllowed):
        return f"{path} does not take {method}. It takes {', '.join(sorted(error.allowed_methods))}."
    return f"There is nothing at {path}." if error.status == 404 else f"{method} {path}: {error.reason}"


def _has_gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def problem_response(problem: Problem, request_id: str) -> web.Response:
    response = web.Response(status=problem.status, body=problem.document(request_id), content_type=CONTENT_TYPE)
    response.headers.update(problem.headers)
    response.headers[headers.REQUEST_ID] = request_id
    return response


async def read_body(request: web.Request, cls: type[T]) -> T:
    """Parse a JSON body; raise a 400 Problem for broken JSON and 422 with the field for a wrong type."""
    return parse_body(await read_whole(request), cls)


async def read_whole(request: web.Request) -> bytes:
    """Return the body, which may be asked for again; raise a Problem for one that does not come."""
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            return await request.read()
    except TimeoutError:
        text = f"The body did not arrive within {BODY_TIMEOUT:g} s."
        raise Problem("invalid-request", text, status=408) from None


def parse_body(data: bytes, cls: type[T]) -> T:
    """Parse JSON as `read_body` does."""
    try:
        return msgspec.json.decode(data or b"{}", type=cls)
    except msgspec.ValidationError as error:
        raise _invalid(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem("invalid-request", f"The body is not valid JSON: {error}") from None


def parse_fields(fields: Mapping[str, str], cls: type[T]) -> T:
    """Convert a form's or query's fields, where numbers are text; raise a 422 Problem with the field."""
    try:
        return msgspec.convert(dict(fields), type=cls, strict=False)
    except msgspec.ValidationError as error:
        raise _invalid(error) from None


def _invalid(error: msgspec.ValidationError) -> Problem:
    message, _, path = str(error).partition(" - at `")
    field = path.rstrip("`").removeprefix("$").lstrip(".")
    return Problem("invalid-body", f"{field or 'body'}: {message}", field=field or "body")


def json_response(document: Any, status: int = 200, extra_headers: Mapping[str, str] | None = None) -> web.Response:
    """Answer with any msgspec-encodable value as JSON."""
    body = msgspec.json.encode(document)
    return web.Response(status=status, body=body, content_type="application/json", headers=extra_headers)


def bind(host: str, port: int, what: str = "port") -> socket.socket:
    """Bind a TCP socket; port 0 chooses a free one. Raise UserFacingError where that cannot be."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if socket.has_dualstack_ipv6() and family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if os.name == "posix":  # on Windows it would let two programs share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)  # now: only listening makes a second bind with SO_REUSEADDR fail
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise _bind_error(host, port, what, error) from None
    return listener


def url_of(listener: socket.socket, tls: ssl.SSLContext | None = None) -> str:
    """Return the URL by which this machine reaches a bound socket."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - nobody binds to it
    scheme = "http" if tls is None else "https"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def _bind_error(host: str, port: int, what: str, error: OSError) -> UserFacingError:
    flag = "--" + what.replace(" ", "-")
    if error.errno == errno.EADDRINUSE:
        who = port_owner(port, "tcp") or "Another program"
        return UserFacingError(
            f"Port {port} on {host} is in use.",
            f"{who} listens there.",
            f"Stop it, or choose another port with {flag} (0 takes any free one).",
            EXIT_IN_USE,
        )
    hint = f"Choose another address with --host or another port with {flag}."
    if isinstance(error, PermissionError) and port < 1024:
        hint = f"Ports below 1024 are for who has the right to them: choose 1024 or more with {flag}."
    return UserFacingError(
        f"Cannot listen on {host} port {port}.",
        f"The system says: {error.strerror or error}.",
        hint,
        EXIT_FAILED,
    )


class HttpServer:
    """Serves an aiohttp application on one socket; `handler_cancellation` ends upstream work when a client goes."""

    def __init__(
        self,
        app: web.Application,
        listener: socket.socket,
        ssl_context: ssl.SSLContext | None = None,
        head_timeout: float = HEAD_TIMEOUT,
    ) -> None:
        self._ssl_context = ssl_context
        self._head_timeout = head_timeout
        self._silent: set[web.RequestHandler] = set()
        self._tasks = TaskSet("http")
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=2.0)
        self._listener = listener
        self._url = url_of(listener, ssl_context)
        self.port: int = listener.getsockname()[1]

    @property
    def url(self) -> str:
        return self._url

    async def start(self) -> None:
        await self._runner.setup()
        await web.SockSite(self._runner, self._listener, backlog=BACKLOG, ssl_context=self._ssl_context).start()
        self._tasks.every(self._head_timeout, self._hang_up, "hang up on the silent")

    async def stop(self) -> None:
        await self._tasks.stop()
        await accept_no_more([self._listener])
        await self._runner.cleanup()
        self._listener.close()

    async def _hang_up(self) -> None:
        """Cut connections that have asked nothing since the last look, or a few clients could hold them all."""
        server = self._runner.server
        silent = {peer for peer in server.connections if not peer._request_count} if server is not None else set()
        for peer in silent & self._silent:
            peer.force_close()
        self._silent = silent


def is_handshake(socket: web.WebSocketResponse, request: web.Request) -> bool:
    """Say whether a request can become this WebSocket."""
    try:
        return bool(socket.can_prepare(request))
    except ValueError:  # aiohttp expects the key to be ASCII, whoever sends it
        return False


async def let_go(socket: web.WebSocketResponse, request: web.Request) -> None:
    """Keep nothing of a WebSocket whose client is gone: its next ping, due in many seconds, would hold it all."""
    if _has_gone(request):
        await socket.close(drain=False)
