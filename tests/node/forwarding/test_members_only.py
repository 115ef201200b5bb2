"""A door at an overlay address: whoever comes beside the overlay is refused, whatever he asks for."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator
from ipaddress import IPv4Network

import aiohttp
import pytest
from aiohttp import web

from node.forwarding.door import Door
from node.forwarding.http1.exchange import Exchange
from node.forwarding.members_only import MembersOnly
from node.forwarding.plane import DataPlane
from node.program.web import bind

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")
NETWORK, AT = IPv4Network("127.42.0.0/16"), "127.42.0.1"


class Services(Door):
    """Answers for every service."""

    def __init__(self) -> None:
        super().__init__("/service/")
        self.entered = 0

    def enter(self, exchange: Exchange) -> None:
        self.entered += 1
        exchange.answer(200, body=b"served")


@contextlib.asynccontextmanager
async def door() -> AsyncIterator[tuple[Services, str]]:
    async def health(_request: web.Request) -> web.Response:
        return web.Response(text="healthy")

    app = web.Application()
    app.router.add_get("/health", health)
    services = Services()
    plane = DataPlane(MembersOnly(services, NETWORK), app, bind(AT, 0))
    await plane.start()
    try:
        yield services, plane.url
    finally:
        await plane.stop()


async def ask(source: str, url: str) -> tuple[int, str]:
    connector = aiohttp.TCPConnector(local_addr=(source, 0))
    async with aiohttp.ClientSession(connector=connector) as session, session.get(url) as answer:
        return answer.status, await answer.text()


async def test_members_are_served_and_neighbours_are_not() -> None:
    async with door() as (services, url):
        for source in ("127.42.0.9", AT):
            assert await ask(source, f"{url}/service/ner") == (200, "served")
            assert await ask(source, f"{url}/health") == (200, "healthy")
        assert services.entered == 2
        for path in ("/service/ner", "/health", "/absent"):
            status, text = await ask("127.43.0.9", url + path)
            assert status == 403
            assert "members of the overlay" in text
        assert services.entered == 2
