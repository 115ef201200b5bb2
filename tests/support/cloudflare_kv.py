"""Cloudflare's KV API (v4) on loopback, as far as one value is written: its path, envelope, codes and limits.

Sources: Cloudflare's API reference for KV values, its pages on limits and prices of KV (1,000 writes a day on the
free plan, counted from 00:00 UTC, then 429; one write a second to one key; values up to 25 MiB; keys up to 512
bytes), and the codes that its users report (10000 no rights, 6003 malformed token, 10013 no such namespace, 7003 no
such account). 10048 for a free plan that is used up is from memory of such reports.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from urllib.parse import unquote

import msgspec
from aiohttp import web

from node.program.web import HttpServer, bind
from tests.support.cloudflare_api import fine, refused

ACCOUNT, NAMESPACE, TOKEN = "9" * 32, "e" * 32, "kv-token-of-the-test"
PATH = "/client/v4/accounts/{account}/storage/kv/namespaces/{namespace}/values/{key}"


@dataclass
class FakeKv:
    """A namespace, and what was written to it in order."""

    url: str = ""
    values: dict[str, bytes] = field(default_factory=dict)
    written: list[bytes] = field(default_factory=list)
    asked: int = 0
    free: int = 1000  # writes that the plan still has
    out_of_order: Callable[[], web.Response] | None = None

    @property
    def entries(self) -> list[str]:
        """The addresses in the value that was written last."""
        document = msgspec.json.decode(self.values["entry-points"])
        return [one["access_url"] for one in document["entry_points"]]

    async def put(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        given = request.headers.get("Authorization", "")
        if not given.startswith("Bearer "):
            return refused(400, 6003, "Invalid request headers")
        if given != f"Bearer {TOKEN}":
            return refused(403, 10000, "Authentication error")
        if request.match_info["account"] != ACCOUNT:
            return refused(400, 7003, "Could not route to /accounts, perhaps your object identifier is invalid?")
        if request.match_info["namespace"] != NAMESPACE:
            return refused(404, 10013, "get namespace: 'namespace not found'")
        if self.out_of_order is not None:
            return self.out_of_order()
        if self.free <= 0:
            text = "put: 'your account has reached the free usage limit for this operation for today'"
            return refused(429, 10048, text)
        self.free -= 1
        key, value = unquote(request.match_info["key"]), await request.read()
        assert len(key.encode()) <= 512
        assert request.content_type == "application/octet-stream"
        self.values[key] = value
        self.written.append(value)
        return fine({})


@contextlib.asynccontextmanager
async def fake_kv() -> AsyncIterator[FakeKv]:
    made = FakeKv()
    app = web.Application(client_max_size=25 * 2**20)
    app.router.add_put(PATH, made.put)
    server = HttpServer(app, bind("127.0.0.1", 0))
    await server.start()
    made.url = server.url + "/client/v4"
    try:
        yield made
    finally:
        await server.stop()
