"""An aiohttp application on the same port and connection as the data plane."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from node.forwarding.http1.app_bridge import AppBridge
from tests.support.http1 import DEADLINE, GET, Plane, read_head, running, working
from tests.support.waiting import eventually

APP = b"GET /app HTTP/1.1\r\nHost: me:1\r\nCookie: c\r\nX_Odd: 1\r\n\r\n"
UPGRADE = (
    b"GET /app/socket HTTP/1.1\r\nHost: g\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


class Application:
    """What the tests ask of an application."""

    def __init__(self) -> None:
        self.app = web.Application(client_max_size=2**24)
        self.app.router.add_get("/app", self.about)
        self.app.router.add_post("/app/echo", self.echo)
        self.app.router.add_get("/app/stream", self.stream)
        self.app.router.add_get("/app/socket", self.socket)
        self.app.router.add_get("/app/wait", self.wait)
        self.app.router.add_get("/app/cut", self.cut)
        self.app.router.add_get("/app/late", self.late)
        self.cancelled = self.finished = self.waiting = self.talking = 0

    async def about(self, request: web.Request) -> web.Response:
        told = f"{request.remote} {request.scheme} {request.host} {request.headers.get('Cookie')}"
        return web.Response(text=told, headers={"Set-Cookie": "a=b"})

    async def echo(self, request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    async def stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(64):
            await response.write(bytes(65536))
        return response

    async def socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.talking += 1
        try:
            async for message in socket:
                await socket.send_str(message.data.upper())
        finally:
            self.talking -= 1
        self.finished += 1
        return socket

    async def wait(self, request: web.Request) -> web.Response:
        self.waiting += 1
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return web.Response()

    async def cut(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"half")
        assert request.transport is not None
        request.transport.abort()
        return response

    async def late(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "2"})
        await response.prepare(request)
        await response.write(b"ok")
        await response.write_eof()
        await asyncio.sleep(0.05)
        self.finished += 1
        return response


@pytest.fixture
def application() -> Application:
    return Application()


@pytest.fixture
async def plane(application: Application) -> AsyncIterator[Plane]:
    async with working() as worker, running(worker, app=AppBridge(application.app)) as plane:
        yield plane


async def test_requests_for_workers_and_application_alternate_on_one_connection(plane: Plane) -> None:
    async with plane.client() as client:
        await client.say((GET + APP) * 3)
        for _ in range(3):
            assert (await client.answer()).body.startswith(b"GET /a ")
            answer = await client.answer()
            assert answer.body == b"127.0.0.1 http me:1 c"
            assert (answer.field("Set-Cookie"), answer.field("Connection")) == ("a=b", None)
    assert len(plane.handler.over) == 6


async def test_head_and_old_clients_are_answered_too(plane: Plane) -> None:
    async with plane.client() as client:
        answer = await client.ask(b"HEAD /app HTTP/1.1\r\nHost: g\r\n\r\n")
        assert (answer.status, answer.body) == (200, b"")
        assert (await client.ask(b"GET /app/none HTTP/1.1\r\nHost: g\r\n\r\n")).status == 404
        assert (await client.ask(b"GET /app/stream HTTP/1.0\r\n\r\n")).body == bytes(64 * 65536)


async def test_bodies_go_both_ways(plane: Plane) -> None:
    body = bytes(range(256)) * 16384
    async with plane.client() as client:
        for framing in (b"Content-Length: %d\r\n\r\n" % len(body) + body, chunked(body)):
            answer = await client.ask(b"POST /app/echo HTTP/1.1\r\nHost: g\r\n" + framing)
            assert answer.body == body
        head = b"POST /app/echo HTTP/1.1\r\nHost: g\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        assert (await client.ask(head)).status == 100
        assert (await client.ask(b"ok")).body == b"ok"


def chunked(body: bytes) -> bytes:
    return b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


CODINGS = ["gzip", "deflate", "br", "zstd", "GZIP", "identity, gzip"]
TWICE = ["identity\r\nContent-Encoding: gzip", "gzip\r\nContent-Encoding: identity"]


@pytest.mark.parametrize("coding", [*CODINGS, *TWICE])
async def test_a_compressed_body_is_none_for_the_application(plane: Plane, coding: str) -> None:
    """It would be unpacked before anybody has looked at who sends it, and what does not unpack be a crash."""
    head = f"POST /app/echo HTTP/1.1\r\nHost: me\r\nContent-Encoding: {coding}\r\nContent-Length: 3\r\n\r\n"
    async with plane.client() as client:
        answer = await client.ask(head.encode() + b"xxx")
        assert answer.status == 415
        assert b"unsupported-media-type" in answer.body


async def test_a_slow_reader_holds_the_application_back(plane: Plane) -> None:
    async with plane.client() as client:
        await client.say(b"GET /app/stream HTTP/1.1\r\nHost: g\r\n\r\n")
        await asyncio.sleep(0.1)
        assert len((await client.answer()).body) == 64 * 65536


async def test_a_websocket_of_the_application_works(plane: Plane, application: Application) -> None:
    url = f"http://127.0.0.1:{plane.port}/app/socket"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        for text in ("hello", "x" * 200_000):
            await socket.send_str(text)
            assert await socket.receive_str(timeout=DEADLINE) == text.upper()
    await eventually(lambda: application.finished, "the handler has ended", DEADLINE)


async def test_a_websocket_whose_client_is_gone_without_a_word_ends_at_once(
    plane: Plane, application: Application
) -> None:
    async with plane.client() as client:
        await client.say(UPGRADE)
        assert b" 101 " in await read_head(client.reader)
        await eventually(lambda: application.talking, "the handler runs", DEADLINE)
    await eventually(lambda: not application.talking, "the handler has ended", DEADLINE)


async def test_a_handler_is_cancelled_when_its_client_leaves(plane: Plane, application: Application) -> None:
    async with plane.client() as client:
        await client.say(b"GET /app/wait HTTP/1.1\r\nHost: g\r\n\r\n")
        await eventually(lambda: application.waiting, "the handler runs", DEADLINE)
    await eventually(lambda: application.cancelled, "the handler is cancelled", DEADLINE)


async def test_an_answer_that_the_application_cuts_is_cut(plane: Plane) -> None:
    async with plane.client() as client:
        await client.say(b"GET /app/cut HTTP/1.1\r\nHost: g\r\n\r\n")
        assert not (await client.rest()).endswith(b"0\r\n\r\n")
    assert plane.handler.over[0].broken


async def test_a_handler_may_go_on_after_its_answer(plane: Plane, application: Application) -> None:
    async with plane.client() as client:
        assert (await client.ask(b"GET /app/late HTTP/1.1\r\nHost: g\r\n\r\n")).body == b"ok"
        assert (await client.ask(APP)).status == 200
        await eventually(lambda: application.finished, "the handler has ended", DEADLINE)


async def test_without_an_application_there_is_nothing() -> None:
    async with running() as plane:
        assert (await plane.ask(APP)).status == 404


async def test_an_application_that_is_not_running_is_a_failure() -> None:
    bridge = AppBridge(web.Application())
    async with running(app=bridge) as plane:
        await bridge.stop()
        assert (await plane.ask(APP)).status == 502


async def test_pings_of_many_sockets_do_not_all_go_at_the_full_second() -> None:
    due: list[tuple[float, float, float]] = []

    async def socket(request: web.Request) -> web.WebSocketResponse:
        loop, found = asyncio.get_running_loop(), web.WebSocketResponse(heartbeat=1000.0)
        before = loop.time()
        await found.prepare(request)
        due.append((before + 1000.0, found._heartbeat_when, loop.time() + 1000.0))
        await found.close()
        return found

    app = web.Application()
    app.router.add_get("/app/beating", socket)
    async with running(app=AppBridge(app)) as plane, aiohttp.ClientSession() as client:
        for _ in range(3):
            async with client.ws_connect(f"http://127.0.0.1:{plane.port}/app/beating") as ours:
                await ours.receive(timeout=DEADLINE)
    assert len(due) == 3
    for earliest, planned, latest in due:
        assert earliest <= planned <= latest
