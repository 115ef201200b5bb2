from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from node.forwarding.http1.exchange import Exchange
from node.forwarding.plane import DataPlane
from node.program.tasks import TaskSet
from node.program.web import bind
from tests.support.routing import until


class Handler:
    """Answers everything but what is for the application, and /later when it is told."""

    def __init__(self) -> None:
        self.waiting: list[Exchange] = []

    def begin(self, exchange: Exchange) -> None:
        if exchange.head.target == "/later":
            self.waiting.append(exchange)
        else:
            exchange.to_app()

    def finished(self, exchange: Exchange) -> None:
        pass


async def hello(_request: web.Request) -> web.Response:
    return web.Response(text="hello")


@contextlib.asynccontextmanager
async def plane(handler: Handler) -> AsyncIterator[DataPlane]:
    app = web.Application()
    app.router.add_get("/hello", hello)
    made = DataPlane(handler, app, bind("127.0.0.1", 0))
    assert made.url == f"http://{made.host}:{made.port}"
    await made.start()
    try:
        yield made
    finally:
        await made.stop()
        await made.stop()


async def test_it_serves_until_it_is_stopped_which_may_be_said_twice() -> None:
    async with plane(Handler()) as made:
        reader, writer = await asyncio.open_connection(made.host, made.port)
        writer.write(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        assert made.connections == 1
    assert made.connections == 0
    with pytest.raises(OSError):
        await asyncio.open_connection(made.host, made.port)
    writer.close()


async def test_one_that_was_never_started_gives_its_port_back() -> None:
    listener = bind("127.0.0.1", 0)
    made = DataPlane(Handler(), web.Application(), listener)
    await made.stop()
    with contextlib.closing(bind("127.0.0.1", made.port)) as again:
        assert isinstance(again, socket.socket)


@pytest.mark.parametrize("answered", [True, False])
async def test_a_drain_tells_whether_all_requests_ended_in_time(answered: bool) -> None:
    handler, tasks = Handler(), TaskSet("test")
    async with plane(handler) as made:
        reader, writer = await asyncio.open_connection(made.host, made.port)
        writer.write(b"GET /later HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: bool(handler.waiting))
        draining = tasks.start(made.drain(60.0 if answered else 0.1), "drain")
        await until(lambda: made.draining)
        if answered:
            handler.waiting[0].answer(200)
            assert b"Connection: close" in await reader.read()
        assert await draining is answered
        writer.close()
