"""The local control API: how tray app and command line see and steer a running node.

It listens on loopback with a token that stands in `<data_dir>/control.json`, a file that only the volunteer's own
user can read. A browser page cannot use it: it cannot know the token.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Annotated, Protocol

import msgspec
from aiohttp import WSCloseCode, web

from node.control_file import FILE_NAME, ControlFile
from node.control_insight import InsightApi, InsightDesk
from node.control_rules import RulesApi, RulesDesk
from node.control_vitals import VitalsApi, VitalsDesk
from node.doctor import Diagnosis
from node.forwarding.door import Door
from node.forwarding.http1.exchange import Exchange
from node.forwarding.paths import split_path
from node.forwarding.plane import DataPlane
from node.http_api import Takes
from node.mesh_view.feed import MAX_WATCHERS, MeshFeed
from node.program.data_dir import write_private_file
from node.program.tasks import TaskSet
from node.program.web import Handler, bind, json_response, manners, read_body
from node.rules.settings import Rules
from node.state import Explanation, NodeStats, Peer, View
from node.survey import Survey
from node.wire.problems import Problem

MAX_RATE = 0.1  # seconds between two messages of a stream
MAX_STREAMS = 16
PREFIX = "/call/"


class EnrollIntent(msgspec.Struct, frozen=True):
    """POST /enroll: either a link, or a coordinator and an invite code; `rules` hold before anything is started.

    `patience` is for how many seconds a coordinator is asked again that lets nobody in for the moment.
    """

    link: str = ""
    coordinator: str = ""
    invite: str = ""
    name: Annotated[str, msgspec.Meta(max_length=200)] = ""
    rules: Rules | None = None
    patience: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 0.0


class Controlled(Takes, RulesDesk, VitalsDesk, InsightDesk, Protocol):
    """What the handlers need of the node."""

    @property
    def mesh(self) -> MeshFeed: ...
    def view(self) -> View: ...
    def stats(self) -> NodeStats: ...
    async def peers(self) -> tuple[Peer, ...]: ...
    async def enroll(self, intent: EnrollIntent) -> str: ...
    async def survey(self) -> Survey: ...
    async def leave(self) -> None: ...
    def request_stop(self) -> None: ...
    async def restart_service(self, name: str) -> None: ...
    async def diagnose(self) -> Diagnosis: ...
    async def explain(self, service: str, *, personal: bool) -> Explanation: ...


class ViewFeed:
    """Wakes everybody who watches the node when its view has changed; each watcher reads the newest one."""

    def __init__(self, read: Callable[[], View]) -> None:
        self._read = read
        self._watchers: set[asyncio.Event] = set()

    @property
    def watchers(self) -> int:
        return len(self._watchers)

    def changed(self) -> None:
        for watcher in self._watchers:
            watcher.set()

    async def follow(self) -> AsyncGenerator[View]:
        """Yield the view now and after every change, at most ten times a second."""
        changed = asyncio.Event()
        self._watchers.add(changed)
        try:
            while True:
                changed.clear()
                yield self._read()
                await asyncio.sleep(MAX_RATE)
                await changed.wait()
        finally:
            self._watchers.discard(changed)


class ControlApi:
    """The handlers, over one node."""

    def __init__(self, node: Controlled, feed: ViewFeed, data_dir: Path) -> None:
        self._node = node
        self._feed = feed
        self._file = data_dir / FILE_NAME
        self._token = secrets.token_urlsafe(32)
        self._server: DataPlane | None = None
        self._sockets: set[web.WebSocketResponse] = set()
        self._tasks = TaskSet("control")

    async def start(self) -> None:
        door = CallDoor(self._node, self._token)
        self._server = DataPlane(door, self.application(), bind("127.0.0.1", 0))
        await self._server.start()
        document = ControlFile(self._server.url, self._token, os.getpid())
        write_private_file(self._file, msgspec.json.encode(document))

    async def stop(self) -> None:
        if self._server is not None:
            self._file.unlink(missing_ok=True)
            await self._tasks.stop()
            for socket in tuple(self._sockets):
                await socket.close(code=WSCloseCode.GOING_AWAY)
            await self._server.stop()
            self._server = None

    def application(self) -> web.Application:
        app = web.Application(middlewares=[manners, self._guard])
        app.router.add_get("/view", self.view)
        app.router.add_get("/stream", self.stream)
        app.router.add_get("/stats", self.stats)
        app.router.add_get("/peers", self.peers)
        app.router.add_get("/mesh", self.mesh)
        app.router.add_get("/mesh/stream", self.mesh_stream)
        app.router.add_get("/doctor", self.doctor)
        app.router.add_get("/explain/{service}", self.explain)
        app.router.add_post("/survey", self.survey)
        app.router.add_post("/enroll", self.enroll)
        RulesApi(self._node).add_to(app)
        InsightApi(self._node).add_to(app)
        VitalsApi(self._node, self._stream).add_to(app)
        app.router.add_post("/leave", self.leave)
        app.router.add_post("/stop", self.stop_node)
        app.router.add_post("/services/{name}/restart", self.restart)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        check_token(request.headers.get("Authorization", ""), self._token)
        return await handler(request)

    async def view(self, _request: web.Request) -> web.Response:
        return json_response(self._node.view())

    async def stats(self, _request: web.Request) -> web.Response:
        return json_response(self._node.stats())

    async def peers(self, _request: web.Request) -> web.Response:
        return json_response(await self._node.peers())

    async def doctor(self, _request: web.Request) -> web.Response:
        return json_response(await self._node.diagnose())

    async def explain(self, request: web.Request) -> web.Response:
        """Answer GET /explain/SERVICE; with ?personal=1 for a request that carries personal data."""
        personal = request.query.get("personal", "") in ("1", "true")
        return json_response(await self._node.explain(request.match_info["service"], personal=personal))

    async def stream(self, request: web.Request) -> web.StreamResponse:
        if self._feed.watchers >= MAX_STREAMS:
            raise Problem("overloaded", "Too many programs watch this node at once.")
        return await self._stream(request, self._feed.follow())

    async def mesh(self, _request: web.Request) -> web.Response:
        return json_response(self._node.mesh.view())

    async def mesh_stream(self, request: web.Request) -> web.StreamResponse:
        """Send the mesh whole, then what changes; a coordinator is asked for it while somebody listens."""
        if self._node.mesh.watchers >= MAX_WATCHERS:
            raise Problem("overloaded", "Too many programs watch the mesh at once.")
        return await self._stream(request, self._node.mesh.follow())

    async def _stream(self, request: web.Request, messages: AsyncGenerator[object]) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(heartbeat=20.0, timeout=1.0)
        await socket.prepare(request)
        self._sockets.add(socket)
        sender = self._tasks.start(_send_all(socket, messages), "stream")
        try:
            async for _ in socket:  # nothing is expected; this notices that the other side has gone
                pass
        finally:
            self._sockets.discard(socket)
            sender.cancel()
        return socket

    async def enroll(self, request: web.Request) -> web.Response:
        worker_id = await self._node.enroll(await read_body(request, EnrollIntent))
        return json_response({"worker_id": worker_id})

    async def survey(self, _request: web.Request) -> web.Response:
        """Answer POST /survey with a new look at this computer, as before it joins a mesh."""
        return json_response(await self._node.survey())

    async def leave(self, _request: web.Request) -> web.Response:
        await self._node.leave()
        return json_response({}, 202)

    async def stop_node(self, _request: web.Request) -> web.Response:
        self._node.request_stop()
        return json_response({}, 202)

    async def restart(self, request: web.Request) -> web.Response:
        await self._node.restart_service(request.match_info["name"])
        return json_response({}, 202)


class CallDoor(Door):
    """Takes what the volunteer asks of a service, below /call."""

    def __init__(self, node: Takes, token: str) -> None:
        super().__init__(PREFIX)
        self._node = node
        self._token = token

    def enter(self, exchange: Exchange) -> None:
        """Send a request through the node's own router; raise Problem."""
        head = exchange.head
        check_token(head.get("authorization"), self._token)
        service, path = split_path(head.target.partition("?")[0], PREFIX)
        self._node.take(exchange, service, path, forwarded=False, caller="volunteer")


async def _send_all(socket: web.WebSocketResponse, messages: AsyncGenerator[object]) -> None:
    try:
        async with contextlib.aclosing(messages):  # or it would live on until it is collected
            async for message in messages:
                await socket.send_str(msgspec.json.encode(message).decode())
    except ConnectionResetError:
        pass  # whoever listened was killed; the one who reads this socket notices it, too
    except Exception:
        await socket.close(code=WSCloseCode.INTERNAL_ERROR)  # else whoever listens takes what is old for new
        raise


def check_token(authorization: str, token: str) -> None:
    """Raise Problem where the Authorization field does not show the token."""
    scheme, _, shown = authorization.partition(" ")
    if scheme.lower() != "bearer" or not secrets.compare_digest(shown.encode("utf-8", "replace"), token.encode()):
        raise Problem("unauthorized", f"The token stands in {FILE_NAME} of the node's data directory.")
