"""The HTTP program that every builtin service is: ready line, token, health, description, end with its node."""

from __future__ import annotations

import asyncio
import hmac
import os
import threading
import time

from aiohttp import web
from aiohttp.typedefs import Middleware

from node.program.lifetime import print_json
from node.program.web import Handler, HttpServer, bind, json_response, manners
from node.services.builtin.contract import BuiltinService, Context
from node.wire import headers
from node.wire.problems import Problem

HEALTH = "/health"


def make_application(service: BuiltinService, context: Context) -> web.Application:
    """Build the application; a GET where only POST works tells what to post."""
    began = time.monotonic()

    async def health(_: web.Request) -> web.Response:
        uptime = round(time.monotonic() - began, 1)
        return json_response({"status": "ok", "service": context.name, "uptime_seconds": uptime})

    async def describe(_: web.Request) -> web.Response:
        return json_response(service.description)

    guards = [manners, token_check(context.token), size_check(context.max_body_bytes)]
    app = web.Application(middlewares=guards, client_max_size=context.max_body_bytes)
    routes = list(service.routes())
    app.add_routes(routes)
    app.add_routes([web.get(HEALTH, health), web.get("/", describe)])
    readable = {route.path for route in routes if route.method == "GET"}
    posts = {route.path for route in routes if route.method == "POST" and "{" not in route.path}
    app.add_routes([web.get(path, describe) for path in sorted(posts - readable)])
    return app


def token_check(token: str) -> Middleware:
    """Make the middleware that lets only our own node in; anybody may ask for health."""
    expected = token.encode()

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get(headers.SERVICE_TOKEN, "").encode("utf-8", "surrogateescape")
        if request.path != HEALTH and not hmac.compare_digest(given, expected):
            raise Problem("unauthorized", "Only the node that started this service may use it. Call the node.")
        return await handler(request)

    return check


def size_check(max_bytes: int) -> Middleware:
    """Make the middleware that refuses a body by its announced length; the application counts the others."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        length = request.content_length or 0
        if length > max_bytes:
            text = f"The body has {length} bytes; this service takes {max_bytes} at most."
            raise Problem("payload-too-large", text, max_bytes=max_bytes)
        return await handler(request)

    return check


async def serve(service: BuiltinService, context: Context, stop: asyncio.Event) -> int:
    """Serve on a free loopback port until `stop` is set or stdin closes; return the exit code."""
    end_with_stdin(asyncio.get_running_loop(), stop)
    server = HttpServer(make_application(service, context), bind("127.0.0.1", 0))
    try:
        await service.start()
        await server.start()
        print_json({"event": "ready", "port": server.port})
        await stop.wait()
    finally:
        await server.stop()
        await service.stop()
        context.threads.shutdown(wait=False, cancel_futures=True)
    return 0


def end_with_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Set `stop` when stdin closes: however our node ended, nothing of it stays behind."""

    def wait() -> None:
        while _read_stdin():
            pass
        try:
            loop.call_soon_threadsafe(stop.set)
        except RuntimeError:  # the loop has closed already
            return

    threading.Thread(target=wait, name="stdin", daemon=True).start()


def _read_stdin() -> bytes:
    try:
        return os.read(0, 4096)  # not sys.stdin: its lock would be held when the interpreter ends
    except OSError:
        return b""
