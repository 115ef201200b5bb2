"""Completes the head of every answer of the application: what browsers may do with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from coordinator_server.gateway.routes import STRICT
from node.forwarding import cors
from node.program.logs import REQUEST_ID
from node.wire import headers

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
SECRET = ("/api/admin/", "/api/coordinator/", "/api/enroll", "/api/worker/", "/api/client-token")


def add_heads(app: web.Application, origins: tuple[str, ...], *, secure: bool) -> None:
    """Let pages of these origins ask.

    `secure` says that we serve TLS ourselves: nobody shall ask without it for a year.
    """
    app.middlewares.append(_preflights(origins))
    app.on_response_prepare.append(_finish_head(origins, HEADERS | dict([STRICT]) if secure else HEADERS))


def _preflights(origins: tuple[str, ...]) -> Middleware:
    @web.middleware
    async def answer_preflights(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a browser that asks whether it may ask; nothing else of the request is looked at."""
        if not cors.is_preflight(request.method, request.headers):
            return await handler(request)
        return web.Response(status=204, headers=cors.answer_preflight(request.headers, origins))

    return answer_preflights


def _finish_head(
    origins: tuple[str, ...], always: Mapping[str, str]
) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    async def finish_head(request: web.Request, answer: web.StreamResponse) -> None:
        answer.headers.update(cors.answer_headers(request.headers, origins))
        answer.headers.setdefault(headers.REQUEST_ID, REQUEST_ID.get() or "")  # also where it is streamed
        answer.headers["Server"] = "rma-mesh"  # which libraries we are made of is nobody's business
        for name, value in always.items():
            answer.headers.setdefault(name, value)
        if request.path.startswith(SECRET):  # credentials, keys and tokens, and refusals of them
            answer.headers.setdefault("Cache-Control", "no-store")

    return finish_head
