"""What cloudflared's own endpoint says, and that nothing is believed which is none."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from node.tunnel.cloudflared.metrics import Metrics
from tests.support.web_site import web_site

ORIGIN = "http://127.0.0.1:8000"


class Endpoint:
    """Answers what the test wants."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, str]] = {}
        self.address = ""

    async def answer(self, request: web.Request) -> web.Response:
        status, text = self.answers.get(request.path, (404, "404 page not found"))
        return web.Response(status=status, text=text)


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    made = Endpoint()
    app = web.Application()
    app.router.add_get("/{path}", made.answer)
    async with web_site(app) as url:
        made.address = url.removeprefix("http://")
        yield made


@pytest.fixture
async def metrics(endpoint: Endpoint) -> AsyncIterator[Metrics]:
    async with aiohttp.ClientSession() as session:
        yield Metrics(session, endpoint.address)


async def test_connections_are_counted(endpoint: Endpoint, metrics: Metrics) -> None:
    endpoint.answers["/ready"] = (200, '{"status":200,"readyConnections":4,"connectorId":"x"}')
    assert await metrics.connections() == 4
    endpoint.answers["/ready"] = (503, '{"status":503,"readyConnections":0,"connectorId":"x"}')
    assert await metrics.connections() == 0


DEEP = '{"deep":' + "[" * 100_000


@pytest.mark.parametrize(
    "text", ["", "OK", "[]", '{"readyConnections":"4"}', '{"hostname":7}', DEEP, "x" * (2 << 20)]
)
async def test_an_answer_that_is_none_says_nothing(endpoint: Endpoint, metrics: Metrics, text: str) -> None:
    endpoint.answers = dict.fromkeys(("/ready", "/quicktunnel", "/config"), (200, text))
    assert await metrics.connections() == 0
    assert await metrics.quick_hostname() == ""
    assert await metrics.hostname_for(ORIGIN) == ""


async def test_nobody_there_says_nothing() -> None:
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        async with aiohttp.ClientSession() as session:
            assert await Metrics(session, f"127.0.0.1:{taken.getsockname()[1]}").connections() == 0


async def test_the_name_is_that_of_the_rule_that_leads_here(endpoint: Endpoint, metrics: Metrics) -> None:
    endpoint.answers["/quicktunnel"] = (200, '{"hostname":"a-b.trycloudflare.com"}')
    assert await metrics.quick_hostname() == "a-b.trycloudflare.com"
    rules = (
        '{"version":3,"config":{"ingress":[{"hostname":"x.example.org","service":"http://localhost:9000"},'
        '{"hostname":"y.example.org","service":"http://192.168.1.7:8000"},'
        '{"hostname":"z.example.org","service":"http://localhost:8000"},'
        '{"hostname":"u.example.org","service":"unix:/tmp/x"},{"service":"http_status:404"}]}}'
    )
    endpoint.answers["/config"] = (200, rules)
    assert await metrics.hostname_for(ORIGIN) == "z.example.org"
    assert await metrics.hostname_for("http://127.0.0.1:7777") == ""
