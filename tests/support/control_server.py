"""A node's control API as the app sees it, without a node behind it: for states that a real node is rarely in.

It speaks the contract of node/control.py: control.json, bearer token, snapshot and changes on /stream, problems.
As a program (`python -m tests.support.control_server run --data-dir DIR`) it stands in for the node's process.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from aiohttp import web

from node.program.errors import EXIT_IN_USE
from node.program.tasks import TaskSet
from node.program.web import HttpServer, bind, json_response, manners
from node.state import NodeState
from node.wire.problems import Problem
from tests.support import samples

TOKEN = "the-token-of-this-test"


class ControlServer:
    """Serves one view, records the intents and does with the state what a node would do."""

    def __init__(self, data_dir: Path, state: NodeState = samples.UNENROLLED) -> None:
        self.view = samples.view(state)
        self.intents: list[tuple[str, object]] = []
        self.refusal: Problem | None = None  # answered to the next intents
        self.hold: asyncio.Event | None = None  # an intent waits for it
        self.stopped = asyncio.Event()
        self.mesh: list[bytes] = []  # the messages of /mesh/stream, which stays open after them
        self._data_dir = data_dir
        self._changed: set[asyncio.Event] = set()
        self._server: HttpServer | None = None
        self._sockets: set[web.WebSocketResponse] = set()

    @property
    def names(self) -> list[str]:
        return [path for path, _ in self.intents]

    async def start(self) -> None:
        app = web.Application(middlewares=[manners, self._guard])
        app.router.add_get("/view", self._view)
        app.router.add_get("/stream", self._stream)
        app.router.add_get("/mesh/stream", self._mesh_stream)
        app.router.add_post("/{path:.*}", self._intent)
        self._server = HttpServer(app, bind("127.0.0.1", 0))
        await self._server.start()
        self.write_address(self._server.url)

    def write_address(self, url: str, token: str = TOKEN) -> None:
        document = {"url": url, "token": token, "pid": os.getpid()}
        (self._data_dir / "control.json").write_bytes(msgspec.json.encode(document))

    async def stop(self) -> None:
        for socket in list(self._sockets):
            await socket.close()
        if self._server is not None:
            await self._server.stop()
        with contextlib.suppress(OSError):
            (self._data_dir / "control.json").unlink()

    def show(self, state: NodeState, **changes: object) -> None:
        """Change the view and tell everybody who follows."""
        changes = {"state": state, "sequence": self.view.sequence + 1, **changes}
        self.view = msgspec.structs.replace(self.view, **changes)
        for changed in self._changed:
            changed.set()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Callable[..., object]) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise Problem("unauthorized", "This is not the token.")
        return await handler(request)  # type: ignore[misc,no-any-return]

    async def _view(self, _request: web.Request) -> web.Response:
        return json_response(self.view)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        changed = asyncio.Event()
        changed.set()
        self._changed.add(changed)
        self._sockets.add(socket)
        try:
            while not socket.closed:
                await changed.wait()
                changed.clear()
                await socket.send_str(msgspec.json.encode(self.view).decode())
        except ConnectionError:
            pass
        finally:
            self._changed.discard(changed)
            self._sockets.discard(socket)
        return socket

    async def _mesh_stream(self, request: web.Request) -> web.StreamResponse:
        if self.refusal is not None:
            raise self.refusal
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.add(socket)
        for message in self.mesh:
            await socket.send_str(message.decode())
        try:
            async for _ in socket:
                pass
        finally:
            self._sockets.discard(socket)
        return socket

    async def _intent(self, request: web.Request) -> web.Response:
        path, body = request.match_info["path"], msgspec.json.decode(await request.read() or b"{}")
        self.intents.append((path, body))
        if self.hold is not None:
            await self.hold.wait()
        if self.refusal is not None:
            raise self.refusal
        self._act(path, body)
        return json_response({"worker_id": "w-1"} if path == "enroll" else {}, 200 if path == "enroll" else 202)

    def _act(self, path: str, body: dict[str, object]) -> None:
        if path == "pause":
            self.show(samples.PAUSED)
        elif path == "snooze":
            self.show(samples.SNOOZED)
        elif path in ("resume", "enroll"):
            self.show(samples.ONLINE)
        elif path == "leave":
            self.show(samples.UNENROLLED)
        elif path == "stop":
            self.stopped.set()


async def keep_busy(server: ControlServer) -> None:
    """Let requests come in, more and fewer of them, as they do in a mesh."""
    stats = samples.STATS
    for count in itertools.cycle((0, 1, 0, 2, 3, 1, 4, 6, 3, 2, 0, 0, 1, 2, 5, 7, 8, 5, 3, 1)):
        stats = msgspec.structs.replace(stats, local_requests=stats.local_requests + count)
        peers = tuple(
            msgspec.structs.replace(p, last_seen=time.time() - n * 9) for n, p in enumerate(samples.PEERS)
        )
        server.show(server.view.state, stats=stats, peers=peers)
        await asyncio.sleep(0.5)


async def serve(data_dir: Path, *, deaf: bool, lively: bool) -> None:
    server = ControlServer(data_dir, samples.ONLINE)
    tasks = TaskSet("control-server")
    if lively:
        tasks.start(keep_busy(server), "busy")
    loop = asyncio.get_running_loop()
    if deaf:
        server.hold = asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, lambda: None)
    else:
        loop.add_signal_handler(signal.SIGTERM, server.stopped.set)
    await server.start()
    await server.stopped.wait()
    await tasks.stop()
    await server.stop()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("run")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--fail", type=int, help="print the sentences of an error and end with this code")
    parser.add_argument(
        "--taken", action="store_true", help="fail as with ports in use, but where free ones are asked for"
    )
    parser.add_argument("--port", type=int)
    parser.add_argument("--dht-port", type=int)
    parser.add_argument("--deaf", action="store_true", help="hear neither /stop nor SIGTERM")
    parser.add_argument("--lively", action="store_true", help="let requests come in")
    arguments = parser.parse_args()
    if arguments.taken and (arguments.port, arguments.dht_port) != (0, 0):
        arguments.fail = EXIT_IN_USE
    if arguments.fail is not None:
        print("12:00:00 info node: a line of the log", file=sys.stderr)
        print("Port 8000 on 127.0.0.1 is in use.\nAnother program listens there.", file=sys.stderr)
        return int(arguments.fail)
    asyncio.run(serve(arguments.data_dir, deaf=arguments.deaf, lively=arguments.lively))
    return 0


if __name__ == "__main__":
    sys.exit(main())
