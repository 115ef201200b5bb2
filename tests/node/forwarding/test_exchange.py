from __future__ import annotations

import gzip

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from node.forwarding.exchange import make_exchange
from node.forwarding.interface import Exchange
from node.wire.problems import Problem
from tests.support.routing import serving


async def seen(
    method: str, path: str, headers: dict[str, str] | None = None, data: bytes | None = None
) -> Exchange | Problem:
    """Return what becomes of a real request, or the Problem that it is refused with."""
    found: list[Exchange | Problem] = []

    async def handler(request: web.Request) -> web.Response:
        try:
            path = request.rel_url.raw_path
            found.append(make_exchange(request, "ocr", path, trusted=False, max_body_bytes=10))
        except Problem as problem:
            found.append(problem)
        return web.Response()

    async with serving(handler) as server, aiohttp.ClientSession() as client:
        url = URL(server.url + path, encoded=True)
        async with client.request(method, url, headers=headers, data=data) as answer:
            await answer.read()
    return found[0]


async def test_path_and_query_stay_as_the_client_wrote_them() -> None:
    exchange = await seen("GET", "/a%2Fb/%C3%A9?q=a%26b&q=+c")
    assert isinstance(exchange, Exchange)
    assert exchange.path_qs == "/a%2Fb/%C3%A9?q=a%26b&q=+c"
    assert (exchange.method, exchange.body, exchange.replayable, exchange.websocket) == ("GET", None, True, False)


async def test_a_body_keeps_its_declared_length() -> None:
    exchange = await seen("POST", "/", data=b"12345")
    assert isinstance(exchange, Exchange)
    assert exchange.body is not None
    assert exchange.body.length == 5


async def test_a_compressed_body_arrives_decoded_and_so_without_a_length() -> None:
    exchange = await seen("POST", "/", {"Content-Encoding": "gzip"}, gzip.compress(b"1", mtime=0)[:10])
    assert isinstance(exchange, Exchange)
    assert exchange.body is not None
    assert exchange.body.length is None
    assert "Content-Encoding" not in exchange.headers


@pytest.mark.parametrize(
    ("method", "path", "data", "kind"),
    [
        ("POST", "/", b"12345678901", "payload-too-large"),
        ("TRACE", "/", None, "method-not-allowed"),
        ("GET", "/%2e%2e/admin", None, "invalid-request"),
        ("GET", "/../admin", None, "invalid-request"),
    ],
)
async def test_what_may_not_be_forwarded_is_refused(method: str, path: str, data: bytes | None, kind: str) -> None:
    problem = await seen(method, path, data=data)
    assert isinstance(problem, Problem)
    assert problem.kind == kind


async def test_a_websocket_handshake_is_known_as_one() -> None:
    exchange = await seen(
        "GET",
        "/",
        {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        },
    )
    assert isinstance(exchange, Exchange)
    assert exchange.websocket
