"""WebSockets through two real hops: gateway, worker, service."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from tests.support.routing import OCR, Front, Handler, Local, LocalTable, Source, front, record, serving, until


@contextlib.asynccontextmanager
async def mesh(service: Handler) -> AsyncIterator[Front]:
    async with serving(service, middlewares=False) as server:
        local = LocalTable({OCR.name: Local(server.url)})
        async with (
            front(worker_id="w1", local=local) as worker,
            front(Source(records=[record("w1", worker.server.port)])) as gateway,
        ):
            yield gateway


async def echo(request: web.Request) -> web.StreamResponse:
    """Send every message back; the word `bye` closes with a code of our own."""
    assert request.headers["X-RMA-Service-Token"] == "service-secret"
    socket = web.WebSocketResponse(protocols=("chat",))
    await socket.prepare(request)
    async for message in socket:
        if message.type == aiohttp.WSMsgType.TEXT and message.data == "bye":
            await socket.close(code=4001)
        elif message.type == aiohttp.WSMsgType.TEXT:
            await socket.send_str(message.data)
        else:
            await socket.send_bytes(message.data)
    return socket


async def test_messages_go_both_ways_in_order() -> None:
    async with mesh(echo) as gateway, gateway.client.ws_connect(gateway.url("/service/ocr/live")) as socket:
        for number in range(200):
            await socket.send_str(f"message {number}")
        for number in range(200):
            assert await socket.receive_str(timeout=30) == f"message {number}"
        await socket.send_bytes(bytes(200_000))
        assert await socket.receive_bytes(timeout=30) == bytes(200_000)
        await socket.close()
        await until(lambda: bool(gateway.outcomes))
    assert [outcome.status for outcome in gateway.outcomes] == [101]


async def test_the_handshake_tells_who_served_and_the_subprotocol() -> None:
    async with (
        mesh(echo) as gateway,
        gateway.client.ws_connect(gateway.url("/service/ocr/live"), protocols=("other", "chat")) as socket,
    ):
        assert socket.protocol == "chat"
        assert socket._response.headers["X-RMA-Worker"] == "w1"


async def test_the_services_close_code_reaches_the_client() -> None:
    async with mesh(echo) as gateway, gateway.client.ws_connect(gateway.url("/service/ocr/live")) as socket:
        await socket.send_str("bye")
        message = await socket.receive(timeout=30)
        assert message.type == aiohttp.WSMsgType.CLOSE
        assert socket.close_code == 4001


@pytest.mark.parametrize("politely", [True, False])
async def test_the_service_learns_that_the_client_left(politely: bool) -> None:
    ended = asyncio.Event()

    async def service(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        try:
            async for _ in socket:
                pass
        finally:
            ended.set()
        return socket

    async with mesh(service) as gateway:
        socket = await gateway.client.ws_connect(gateway.url("/service/ocr/live"))
        if politely:
            await socket.close()
        else:
            socket._response.close()
        async with asyncio.timeout(30):
            await ended.wait()


async def test_the_client_learns_that_the_service_broke_off() -> None:
    async def service(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.receive()
        assert request.transport is not None
        request.transport.abort()
        return socket

    async with mesh(service) as gateway, gateway.client.ws_connect(gateway.url("/service/ocr/live")) as socket:
        await socket.send_str("x")
        message = await socket.receive(timeout=30)
        assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
        assert socket.close_code not in (None, 1000)


async def test_a_handshake_that_the_service_refuses_is_refused() -> None:
    async def service(request: web.Request) -> web.StreamResponse:
        return web.Response(status=403, text="no")

    async with mesh(service) as gateway:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await gateway.client.ws_connect(gateway.url("/service/ocr/live"))
        assert refused.value.status == 403


async def test_a_worker_that_is_gone_is_502_and_another_is_tried() -> None:
    async with serving(echo, middlewares=False) as server:
        local = LocalTable({OCR.name: Local(server.url)})
        async with front(worker_id="w2", local=local) as worker:
            source = Source(records=[record("w1", 1, load=0.0)])
            async with front(source) as gateway:
                with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                    await gateway.client.ws_connect(gateway.url("/service/ocr/live"))
                assert refused.value.status == 502
                source.records = [record("w1", 1, load=0.0), record("w2", worker.server.port, load=0.9)]
                gateway.router.invalidate_worker("w1")
                for _ in range(5):
                    async with gateway.client.ws_connect(gateway.url("/service/ocr/live")) as socket:
                        await socket.send_str("x")
                        assert await socket.receive_str(timeout=30) == "x"
