"""Servers on loopback that answer as workers do when a coordinator looks at their addresses, and as others do."""

from __future__ import annotations

import contextlib
import secrets
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import msgspec
from aiohttp import web

from coordinator_server.entry_points.prober import Prober
from coordinator_server.front import FRONT
from node.program.web import HttpServer, bind
from node.wire.entry_points import CHALLENGE, PROOF, REGISTER, WITHDRAW, sign_challenge
from node.wire.headers import SIGNATURE
from node.wire.signed_requests import What, sign_request
from tests.support.coordinators import Answer, Room, Worker
from tests.support.waiting import eventually

WORDS: dict[str, What] = {REGISTER: "entry-point", WITHDRAW: "entry-point-withdrawal"}


class Answering:
    """Answers at /health with what `answer` makes of a nonce."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[web.Request] = []
        self.answer: Callable[[str], web.StreamResponse] = lambda _: web.Response(status=404)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        return self.answer(request.headers.get(CHALLENGE, ""))

    def proves(self, worker: Worker, url: str = "") -> None:
        """Answer as a worker that has this address, or believes it has another."""

        def answer(nonce: str) -> web.Response:
            return web.json_response({PROOF: sign_challenge(worker.key, worker.worker_id, url or self.url, nonce)})

        self.answer = answer


@contextlib.asynccontextmanager
async def answering(tls: ssl.SSLContext | None = None) -> AsyncIterator[Answering]:
    made = Answering()
    app = web.Application()
    app.router.add_get("/{path:.*}", made.handle)
    server = HttpServer(app, bind("127.0.0.1", 0), tls)
    await server.start()
    made.url = server.url
    try:
        yield made
    finally:
        await server.stop()


async def to_nowhere(_name: str, _port: int) -> Sequence[str]:
    return ["10.0.0.1", "127.0.0.1"]


def see_loopback(room: Room, timeout: float = 20.0) -> None:
    """Let a coordinator take 127.0.0.1 for an address of the internet."""
    room.site.app[FRONT].entry_points.prober = Prober(timeout, to_nowhere, lambda host: host == "127.0.0.1")


class Carrying(Prober):
    """Takes a public address to where it leads, once that is known, as Cloudflare's network would."""

    def __init__(self) -> None:
        super().__init__(20.0, to_nowhere, lambda host: host == "127.0.0.1")
        self.ways: dict[str, str] = {}

    async def ask(self, url: str, nonce: str) -> object:
        await eventually(lambda: url in self.ways, f"a way to {url}")
        return await super().ask(self.ways[url], nonce)


def carry(room: Room) -> Carrying:
    """Let a coordinator look at addresses through `Carrying`."""
    room.site.app[FRONT].entry_points.prober = made = Carrying()
    return made


async def say(worker: Worker, path: str, signed: bool = True, **body: Any) -> Answer:
    """Have a worker say something of its entry point, signed whole."""
    data = msgspec.json.encode({"worker_id": worker.worker_id, **body})
    token = worker.token
    sent = {"Authorization": f"Bearer {token}"}
    if signed:
        sent[SIGNATURE] = sign_request(worker.key, WORDS[path], token, data, secrets.token_urlsafe(12))
    return await worker.post(path, data, signed=False, headers=sent)


async def entry(worker: Worker, url: str, **more: Any) -> Answer:
    return await say(worker, REGISTER, access_url=url, **more)
