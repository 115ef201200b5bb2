"""A node as it is, but that its services are all the one of this file, which shows whether anything is held back.

    python -m tests.support.streaming_node run ...      the node
    python -m tests.support.streaming_node              its service

POST /digest digests what it is sent, GET /heard tells how much of that has come so far; GET /much?bytes=N sends so
much, and GET /turns an event, then another one for each POST /turn.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import Sequence
from typing import Any

from aiohttp import web

import node.runtime
from node.cli import main
from node.program.lifetime import print_json
from node.program.web import HttpServer, bind
from node.services.builtin.server import end_with_stdin
from node.services.supervisor import ServiceSupervisor
from node.wire.manifests import Manifest

PIECE = 64 * 1024
MOST = 2**28  # bytes up or down


def piece_of(number: int) -> bytes:
    """Return a piece that is unlike all others."""
    return number.to_bytes(8, "big") * (PIECE // 8)


class Streams:
    """What it answers."""

    def __init__(self) -> None:
        self._heard = 0
        self._turns = asyncio.Semaphore(1)
        app = web.Application(client_max_size=MOST)
        app.router.add_get("/health", self._small)
        app.router.add_get("/small", self._small)
        app.router.add_get("/heard", self._tell_heard)
        app.router.add_get("/much", self._much)
        app.router.add_get("/turns", self._follow)
        app.router.add_post("/turn", self._turn)
        app.router.add_post("/digest", self._digest)
        self.app = app

    async def _small(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _tell_heard(self, _request: web.Request) -> web.Response:
        return web.json_response({"heard": self._heard})

    async def _digest(self, request: web.Request) -> web.Response:
        digest, self._heard = hashlib.sha256(), 0
        async for piece in request.content.iter_any():
            digest.update(piece)
            self._heard += len(piece)
        return web.json_response({"digest": digest.hexdigest(), "bytes": self._heard})

    async def _much(self, request: web.Request) -> web.StreamResponse:
        size = min(MOST, int(request.query["bytes"]))
        answer = web.StreamResponse(headers={"Content-Length": str(size)})
        await answer.prepare(request)
        for start in range(0, size, PIECE):
            await answer.write(piece_of(start // PIECE)[: size - start])
        return answer

    async def _follow(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        for number in range(int(request.query["events"])):
            await self._turns.acquire()
            await answer.write(b"data: %d\n\n" % number)
        return answer

    async def _turn(self, _request: web.Request) -> web.Response:
        self._turns.release()
        return web.json_response({})


class StreamingSupervisor(ServiceSupervisor):
    """Starts the service of this file in place of each."""

    def __init__(self, **surroundings: Any) -> None:
        super().__init__(**surroundings, command=_command)


def _command(_manifest: Manifest) -> Sequence[str]:
    return [sys.executable, "-m", "tests.support.streaming_node"]


async def serve() -> None:
    """Be a service until stdin closes."""
    stop = asyncio.Event()
    end_with_stdin(asyncio.get_running_loop(), stop)
    server = HttpServer(Streams().app, bind("127.0.0.1", 0))
    await server.start()
    print_json({"event": "ready", "port": server.port})
    await stop.wait()
    await server.stop()


if __name__ == "__main__":
    if len(sys.argv) == 1:
        asyncio.run(serve())
    else:
        setattr(node.runtime, "ServiceSupervisor", StreamingSupervisor)  # noqa: B010 - mypy holds names of modules for final
        sys.exit(main())
