"""Bridges a WebSocket between a client and a worker, message by message."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from node.forwarding.headers import response_headers
from node.forwarding.interface import Exchange, Limits, UpstreamTimeout

MAX_MESSAGE = 16 * 2**20
HEARTBEAT = 30.0  # seconds between pings on both sides; who is silent for half of it after one has gone
CLOSE_TIMEOUT = 5.0
GOING_AWAY, LOST = 1001, 1011

ServerSocket = web.WebSocketResponse
ClientSocket = aiohttp.ClientWebSocketResponse


async def connect(
    session: aiohttp.ClientSession, url: URL, head: CIMultiDict[str], exchange: Exchange, limits: Limits
) -> WebSocketUpstream | RefusedUpgrade:
    """Open the worker's side with the subprotocols that the client offers; raise UpstreamTimeout or ClientError."""
    offered = exchange.request.headers.get("Sec-WebSocket-Protocol", "")
    protocols = tuple(part.strip() for part in offered.split(",") if part.strip())
    try:
        async with asyncio.timeout(limits.first_byte):
            socket = await session.ws_connect(
                url,
                headers=head,
                protocols=protocols,
                heartbeat=HEARTBEAT,
                max_msg_size=MAX_MESSAGE,
                timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT),
            )
    except aiohttp.WSServerHandshakeError as error:
        return RefusedUpgrade(error, exchange)
    except TimeoutError:
        raise UpstreamTimeout(f"the WebSocket was not opened within {limits.first_byte:g} s") from None
    return WebSocketUpstream(socket, exchange)


class WebSocketUpstream:
    """A worker's open WebSocket; `relay` lasts until either side closes."""

    status = 101

    def __init__(self, socket: ClientSocket, exchange: Exchange) -> None:
        self._socket = socket
        self._exchange = exchange
        self.headers: Mapping[str, str] = socket._response.headers
        self.broken = ""

    async def problem(self) -> None:
        return None

    async def relay(self, added: Mapping[str, str]) -> web.StreamResponse:
        """Carry messages both ways, in order and with back-pressure."""
        chosen = (self._socket.protocol,) if self._socket.protocol else ()
        client = ServerSocket(
            protocols=chosen, heartbeat=HEARTBEAT, timeout=CLOSE_TIMEOUT, max_msg_size=MAX_MESSAGE, compress=False
        )
        client.headers.update(added)
        try:
            await client.prepare(self._exchange.request)
            async with asyncio.TaskGroup() as group:
                group.create_task(pump(client, self._socket))
                group.create_task(pump(self._socket, client))
        except* ConnectionResetError:
            pass  # one side went in the middle of a message; both are closed below
        finally:
            self._note_loss()
            await self._socket.close(code=GOING_AWAY)
        return client

    def discard(self) -> None:
        self._socket._response.close()

    def _note_loss(self) -> None:
        if self._socket.close_code == aiohttp.WSCloseCode.ABNORMAL_CLOSURE:
            self.broken = "the worker's WebSocket broke off"


class RefusedUpgrade:
    """A worker's answer to a WebSocket handshake that is no WebSocket; aiohttp gives no body of it."""

    def __init__(self, error: aiohttp.WSServerHandshakeError, exchange: Exchange) -> None:
        self._exchange = exchange
        self.status = error.status if error.status >= 400 else 502
        self.headers: Mapping[str, str] = error.headers or {}
        self.broken = ""

    async def problem(self) -> Mapping[str, Any] | None:
        return None

    async def relay(self, added: Mapping[str, str]) -> web.StreamResponse:
        response = web.Response(status=self.status)
        for name, value in response_headers(self.headers).items():
            if name.lower() not in ("content-length", "content-type", "content-encoding"):
                response.headers.add(name, value)
        response.headers.update(added)
        await response.prepare(self._exchange.request)
        return response

    def discard(self) -> None:
        pass


async def pump(source: ServerSocket | ClientSocket, sink: ServerSocket | ClientSocket) -> None:
    """Carry messages one way until the source closes, then close the sink for the same reason."""
    async for message in source:
        if message.type == aiohttp.WSMsgType.TEXT:
            await sink.send_str(message.data)
        elif message.type == aiohttp.WSMsgType.BINARY:
            await sink.send_bytes(message.data)
    code = source.close_code
    # 1005 and 1006 say that no code came; they may not be sent (RFC 6455 §7.4.1).
    sendable = code is not None and code not in (1005, 1006, 1015)
    await sink.close(code=code if sendable and code is not None else LOST if code == 1006 else 1000)
