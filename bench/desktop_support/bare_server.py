"""The least that any node of this kind needs: an event loop, a web server and client, and keys; to compare with."""

from __future__ import annotations

import asyncio

import aiohttp
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.program.lifetime import run_program
from node.program.web import bind


async def serve(stop: asyncio.Event) -> int:
    """Answer one question, with a signature, until a signal comes."""
    key = Ed25519PrivateKey.generate()

    async def sign(request: web.Request) -> web.Response:
        return web.Response(body=key.sign(await request.read()))

    application = web.Application()
    application.router.add_post("/", sign)
    runner = web.AppRunner(application)
    await runner.setup()
    listener = bind("127.0.0.1", 0)
    await web.SockSite(runner, listener).start()
    async with aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        async with session.post(url, data=b"hello") as answer:
            print(len(await answer.read()), flush=True)  # it has done its work once
        await stop.wait()
    await runner.cleanup()
    return 0


if __name__ == "__main__":
    raise SystemExit(run_program(serve))
