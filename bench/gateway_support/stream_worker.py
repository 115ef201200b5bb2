"""A worker for `bench/streams.py`: events with the time in them, large bodies, a WebSocket that echoes."""

from __future__ import annotations

import argparse
import asyncio
import time

import uvloop
from aiohttp import web

PATH = "/service/ner-extraction"
PIECE = bytes(256 * 1024)


async def events(request: web.Request) -> web.StreamResponse:
    """Send the time (monotonic, nanoseconds) once a second; streams begin one by one, so their beats differ."""
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    await answer.prepare(request)
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        await answer.write(b"data: %d\n\n" % time.monotonic_ns())
        due += 1
        await asyncio.sleep(due - loop.time())


async def down(request: web.Request) -> web.StreamResponse:
    left = int(request.query["bytes"])
    answer = web.StreamResponse(headers={"Content-Length": str(left)})
    await answer.prepare(request)
    while left:
        piece = PIECE[:left]
        await answer.write(piece)
        left -= len(piece)
    return answer


async def up(request: web.Request) -> web.Response:
    size = 0
    async for piece in request.content.iter_any():
        size += len(piece)
    return web.json_response({"bytes": size})


async def echo(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        await socket.send_bytes(message.data)
    return socket


async def nothing(_request: web.Request) -> web.Response:
    return web.Response(text="ok")


async def serve(port: int) -> None:
    app = web.Application()
    app.add_routes([web.get(f"{PATH}/events", events), web.get(f"{PATH}/down", down)])
    app.add_routes([web.post(f"{PATH}/up", up), web.get(f"{PATH}/echo", echo), web.get(f"{PATH}/", nothing)])
    runner = web.AppRunner(
        app, access_log=None, handler_cancellation=True, keepalive_timeout=600, shutdown_timeout=1
    )
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=4096).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    uvloop.run(serve(parser.parse_args().port))
