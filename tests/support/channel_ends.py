"""Coordinators that are nothing but the other ends of channels, and a node's mind that hears what happens."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

from node import events as e
from node.coordinator_client import CoordinatorError
from node.machine import handle
from node.state import NodeState
from node.wire.channel import KIND
from tests.support.web_site import web_site


@dataclass
class Ends:
    """The open channels of one coordinator, each with the kind that its handshake said."""

    url: str = ""
    is_up: bool = True
    tries: int = 0
    kinds: list[str] = field(default_factory=list)  # of those that are open
    sockets: list[web.WebSocketResponse] = field(default_factory=list)

    async def say(self, text: str) -> None:
        for socket in self.sockets:
            await socket.send_str(text)

    async def die(self) -> None:
        """Close all, and open none."""
        self.is_up = False
        for socket in tuple(self.sockets):
            await socket.close()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.tries += 1
        if not self.is_up:
            return web.Response(status=503)
        socket, kind = web.WebSocketResponse(), request.headers.get(KIND, "")
        await socket.prepare(request)
        self.kinds.append(kind)
        self.sockets.append(socket)
        try:
            async for _ in socket:
                pass
        finally:
            self.kinds.remove(kind)
            self.sockets.remove(socket)
        return socket


@contextlib.asynccontextmanager
async def ends() -> AsyncIterator[Ends]:
    made, app = Ends(), web.Application()
    app.router.add_get("/", made.serve)
    async with web_site(app, patience=0.1) as made.url:
        yield made


async def open_end(session: aiohttp.ClientSession, url: str, kind: str = "") -> aiohttp.ClientWebSocketResponse:
    """Open a channel as a node does."""
    try:
        return await session.ws_connect(url, headers={KIND: kind} if kind else {}, autoclose=False)
    except aiohttp.WSServerHandshakeError as error:
        raise CoordinatorError("It opens no channel.", "", error.status) from None
    except aiohttp.ClientError as error:
        raise CoordinatorError(str(error)) from None


class Mind:
    """A node's state as its machine makes it, which others look at; nothing that it orders is done."""

    def __init__(self, state: NodeState) -> None:
        self.state = state
        self.followers: list[Callable[[NodeState], None]] = []
        self.ordered: list[e.Command] = []

    def dispatch(self, event: e.Event) -> None:
        self.state, commands = handle(self.state, event)
        self.ordered += commands
        for follower in self.followers:
            follower(self.state)
