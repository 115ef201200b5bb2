"""The way from a gateway process's clients to the first's application, with both ends in this process."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiohttp import WSMsgType, web

from coordinator_server.gateway_processes.from_gateways import FromGateways
from coordinator_server.gateway_processes.to_first import ToFirst
from node.forwarding.http1.exchange import Exchange
from node.forwarding.http1.server import Http1Server
from node.forwarding.http1.sweep import Sweep
from node.forwarding.plane import DataPlane
from node.program.web import bind, url_of


class AllToApp:
    """A handler that wants nothing for itself."""

    def begin(self, exchange: Exchange) -> None:
        exchange.to_app()

    def finished(self, exchange: Exchange) -> None:
        """Have nothing to do."""


@dataclass
class TwoHalves:
    """Where the first and a gateway process serve, and the private socket between them."""

    first: str
    gateway: str
    private: str
    ours: FromGateways


@contextlib.asynccontextmanager
async def two_halves(tls: ssl.SSLContext | None = None) -> AsyncIterator[TwoHalves]:
    """Run both; the gateway process serves TLS where it is given."""
    app = web.Application()
    app.router.add_get("/stream", _stream)
    app.router.add_get("/talk", _talk)
    app.router.add_route("*", "/{tail:.*}", _who)
    ours = FromGateways(app, tls)
    plane = DataPlane(AllToApp(), app, bind("127.0.0.1", 0), bridge=ours.bridge)
    await ours.start()
    await plane.start()
    listener = bind("127.0.0.1", 0)
    gateway = Http1Server(AllToApp(), [listener], sweep=Sweep(), tls=tls, app=ToFirst(ours.path))
    url = url_of(listener, tls)
    await gateway.start()
    try:
        yield TwoHalves(plane.url, url, ours.path, ours)
    finally:
        await gateway.stop()
        await ours.stop()
        await plane.stop()


async def _who(request: web.Request) -> web.Response:
    """Tell who the application takes the client for."""
    body = await request.read()
    return web.json_response(
        {
            "remote": request.remote,
            "scheme": request.scheme,
            "method": request.method,
            "path": request.raw_path,
            "host": request.host,
            "fields": {name.lower(): value for name, value in request.headers.items()},
            "bytes": len(body),
        }
    )


async def _stream(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse()
    await answer.prepare(request)
    for number in range(3):
        await answer.write(b"%d" % number * 70_000)
    return answer


async def _talk(request: web.Request) -> web.WebSocketResponse:
    talk = web.WebSocketResponse()
    await talk.prepare(request)
    async for message in talk:
        if message.type == WSMsgType.TEXT:
            await talk.send_str(f"{request.remote}: {message.data}")
    return talk
