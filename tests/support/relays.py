"""Workers in tests that nobody can connect to: they open a channel, and connections when they are asked."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
from aiohttp import WSMsgType, web
from multidict import CIMultiDictProxy

from coordinator_server.front import FRONT
from coordinator_server.relay.hub import RelayHub
from node.coordinator_client import CoordinatorClient
from node.forwarding.http1.exchange import Exchange
from node.forwarding.plane import DataPlane
from node.forwarding.websocket.opening import Opened
from node.program.tasks import TaskSet
from node.program.web import bind
from node.tunnel.relay import RelayConnections
from node.wire.channel import OPEN, read_open, read_type
from node.wire.manifests import Catalogue, Manifest
from node.wire.messages import CoordinatorInfo
from node.wire.tokens import TokenIssuer
from tests.support.coordinators import Room, Worker
from tests.support.waiting import eventually

CHUNK = 64 * 1024
# One worker takes all that a test has in hand, so that nothing waits for anything but connections.
CATALOGUE = Catalogue((Manifest(name="ner", title="Entities", data_class="public", concurrency=500),))


def hub(room: Room) -> RelayHub:
    return room.site.app[FRONT].hub


class Services:
    """What a worker of the tests answers: what somebody sent, much, slowly, for ever, and as a WebSocket."""

    def __init__(self) -> None:
        self.cancelled = asyncio.Event()
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        self.sent = self.stuck = 0
        self.heads: list[tuple[str, CIMultiDictProxy[str]]] = []  # of requests to echo, with their targets
        self.peers: set[str] = set()
        app = web.Application(client_max_size=2**30)
        app.router.add_route("*", "/service/ner/echo", self._echo)
        app.router.add_get("/service/ner/health", self._echo)
        app.router.add_post("/service/ner/digest", self._digest)
        app.router.add_get("/service/ner/much/{size}", self._much)
        app.router.add_get("/service/ner/events", self._events)
        app.router.add_get("/service/ner/closing", self._closing)
        app.router.add_post("/service/ner/stuck", self._stuck)
        app.router.add_get("/service/ner/socket", self._socket)
        self.app = app

    async def _echo(self, request: web.Request) -> web.Response:
        self.peers.add(request.remote or "")
        self.heads.append((request.raw_path, request.headers))
        return web.Response(body=await request.read(), headers={"X-Method": request.method})

    async def _digest(self, request: web.Request) -> web.Response:
        digest, size = hashlib.sha256(), 0
        async for piece in request.content.iter_chunked(CHUNK):
            digest.update(piece)
            size += len(piece)
            self.begun.set()
        return web.json_response({"digest": digest.hexdigest(), "size": size})

    async def _much(self, request: web.Request) -> web.StreamResponse:
        size = int(request.match_info["size"])
        answer = web.StreamResponse(headers={"Content-Length": str(size)})
        await answer.prepare(request)
        self.begun.set()
        while size:
            piece = bytes(min(CHUNK, size))
            size -= len(piece)
            self.sent += len(piece)
            await answer.write(piece)
        return answer

    async def _events(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        try:
            await answer.prepare(request)
            for number in range(3):
                await answer.write(b"data: %d\n\n" % number)
            self.begun.set()
            await self.go_on.wait()
            await answer.write(b"data: last\n\n")
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return answer

    async def _closing(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        answer.force_close()
        await answer.prepare(request)
        await answer.write(b"the end is when the connection ends")
        return answer

    async def _stuck(self, request: web.Request) -> web.Response:
        self.stuck += 1
        self.begun.set()
        await self.go_on.wait()
        size = 0
        async for piece in request.content.iter_chunked(CHUNK):
            size += len(piece)
        return web.json_response({"size": size})

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await socket.send_str(message.data[::-1])
            elif message.type is WSMsgType.BINARY:
                await socket.send_bytes(message.data)
        return socket


class ToApp:
    """A handler that leaves everything to the application."""

    def begin(self, exchange: Exchange) -> None:
        exchange.to_app()

    def finished(self, exchange: Exchange) -> None:
        """Keep no account."""


class RelayedWorker:
    """A worker whose port is closed to everybody, but that does what it is asked on its channel."""

    def __init__(self, worker: Worker, *, most: int = 64) -> None:
        self.worker = worker
        self.services = Services()
        self.plane = DataPlane(ToApp(), self.services.app, bind("127.0.0.1", 0))
        self.http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        issuer = TokenIssuer(worker.key, worker.worker_id, worker.credential, worker.clock)
        self.client = CoordinatorClient(self.http, issuer, worker.worker_id, worker.key)
        self.info = CoordinatorInfo(id=worker.audience, url=worker.url)
        self.relay = RelayConnections(self._open, self.plane.connection, most)
        self.most = most
        self.tickets: list[str] = []
        self.deaf = False  # does nothing that it is asked for
        self.channel: aiohttp.ClientWebSocketResponse[bool] | None = None
        self._tasks = TaskSet("relayed-worker")

    async def _open(self, _url: str, ticket: str) -> Opened:
        return await self.client.open_relay(self.http, self.info, ticket)

    async def start(self) -> None:
        await self.plane.start()
        self.relay.start()

    async def open_channel(self) -> None:
        self.channel = await self.client.open_channel(self.info, 20.0, self.most)
        self._tasks.start(self._listen(self.channel), "channel")

    async def _listen(self, channel: aiohttp.ClientWebSocketResponse[bool]) -> None:
        async for message in channel:
            if message.type is WSMsgType.TEXT and read_type(message.data) == OPEN:
                tickets = read_open(message.data).tickets
                self.tickets += tickets
                if not self.deaf:
                    self.relay.asked(self.worker.url, tickets)

    async def stop(self) -> None:
        await self._tasks.stop()
        if self.channel is not None:
            await self.channel.close()
        await self.relay.stop()
        await self.plane.stop()
        await self.http.close()


@contextlib.asynccontextmanager
async def relayed_worker(room: Room, name: str = "w1", **settings: Any) -> AsyncIterator[RelayedWorker]:
    """Run a worker that can be reached by relay only, and does the service `ner`."""
    worker = await room.worker(name)
    closed = bind("127.0.0.1", 0)
    port = closed.getsockname()[1]
    made = RelayedWorker(worker, **settings)
    try:
        await made.start()
        assert (await worker.register(port=port)).status == 200
        closed.close()
        assert (await worker.heartbeat("ner")).status == 200
        await made.open_channel()
        await eventually(lambda: hub(room).offers(worker.worker_id), "the relay is offered")
        yield made
    finally:
        closed.close()
        await made.stop()
