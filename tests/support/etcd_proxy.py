"""Stands between a store and etcd, and loses or answers what a test wishes."""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import aiohttp
from aiohttp import web

from coordinator_server.store.etcd.address import EtcdAddress
from tests.support.web_site import web_site

Forward = Callable[[], Awaitable[web.StreamResponse]]
Rule = Callable[[str, bytes, Forward], Awaitable[web.StreamResponse]]


async def passes(_path: str, _body: bytes, forward: Forward) -> web.StreamResponse:
    return await forward()


@dataclass
class Proxy:
    """Where it listens, and what it does with each question."""

    port: int
    rule: Rule = passes

    def address(self, prefix: str = "mesh") -> EtcdAddress:
        return EtcdAddress((f"127.0.0.1:{self.port}",), prefix)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class CutError(Exception):
    """Raised by a rule: the connection ends without an answer."""


@contextlib.asynccontextmanager
async def etcd_proxy(target: str = "") -> AsyncIterator[Proxy]:
    """Forward to HOST:PORT, but for streams that a rule has to make itself."""
    async with aiohttp.ClientSession(auto_decompress=False) as session:

        async def handle(request: web.Request) -> web.StreamResponse:
            body = await request.read()

            async def forward() -> web.StreamResponse:
                return await carry(session, target, request, body)

            try:
                return await proxy.rule(request.path, body, forward)
            except CutError:
                assert request.transport is not None
                request.transport.abort()
                raise asyncio.CancelledError from None

        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", handle)
        async with web_site(app, patience=1.0, cancel=True) as url:
            proxy = Proxy(int(url.rpartition(":")[2]))
            yield proxy


async def carry(
    session: aiohttp.ClientSession, target: str, request: web.Request, body: bytes
) -> web.StreamResponse:
    """Ask the real one, and give its answer on: a stream as it comes, anything else whole."""
    url = f"http://{target}{request.path}"
    async with session.request(request.method, url, data=io.BytesIO(body) if body else None) as answer:
        if request.path != "/v3/watch":
            return web.Response(status=answer.status, body=await answer.read())
        given = web.StreamResponse(status=answer.status)
        await given.prepare(request)
        async for part in answer.content.iter_any():
            await given.write(part)
        await given.write_eof()
        return given
