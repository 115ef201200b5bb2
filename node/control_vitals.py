"""The control API's part for how this machine does: gauges and services live, what was given, services' logs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Protocol

from aiohttp import web

from node.own_vitals import OwnVitals
from node.program.web import json_response
from node.services.service_log import tail
from node.vitals.feed import MAX_WATCHERS
from node.vitals.values import LogTail
from node.wire.problems import Problem

LINES, MOST_LINES = 500, 5000  # of a log

Stream = Callable[[web.Request, AsyncGenerator[object]], Awaitable[web.WebSocketResponse]]


class VitalsDesk(Protocol):
    """What the handlers need of the node."""

    @property
    def vitals(self) -> OwnVitals: ...
    def log_of(self, service: str) -> Path: ...


class VitalsApi:
    """The handlers, over one node; `stream` sends messages over a WebSocket until the other side goes."""

    def __init__(self, desk: VitalsDesk, stream: Stream) -> None:
        self._desk = desk
        self._stream = stream

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/contribution", self.contribution)
        app.router.add_get("/vitals/stream", self.follow)
        app.router.add_get("/services/{name}/log", self.log)

    async def contribution(self, _request: web.Request) -> web.Response:
        keeper = self._desk.vitals.keeper
        await keeper.count()
        return json_response(keeper.contribution())

    async def follow(self, request: web.Request) -> web.StreamResponse:
        """Send a look every second; what it takes is measured while somebody listens."""
        feed = self._desk.vitals.feed
        if feed.watchers >= MAX_WATCHERS:
            raise Problem("overloaded", "Too many programs watch this machine at once.")
        return await self._stream(request, feed.follow())

    async def log(self, request: web.Request) -> web.Response:
        """Answer GET /services/NAME/log?lines=N with the last lines of a service's log."""
        name = request.match_info["name"]
        path = self._desk.log_of(name)
        lines, cut = await asyncio.to_thread(tail, path, _count(request.query.get("lines", "")))
        return json_response(LogTail(name=name, path=str(path), lines=lines, cut=cut))


def _count(text: str) -> int:
    if not text:
        return LINES
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:9]) <= MOST_LINES:
        raise Problem("invalid-request", f"lines is a number from 1 to {MOST_LINES}.", field="lines")
    return int(text)
