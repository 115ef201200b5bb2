"""What is not below /service reaches the first whole, over whichever connection it came."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import aiohttp
import pytest

from coordinator_server.gateway_processes.to_first import ToFirst
from node.forwarding.http1.server import Http1Server
from node.forwarding.http1.sweep import Sweep
from node.program.web import bind, url_of
from tests.support.two_halves import AllToApp, two_halves


async def test_heads_bodies_and_streams_pass_whole() -> None:
    async with two_halves() as halves, aiohttp.ClientSession() as session:
        head = {"Authorization": "Bearer secret", "Cookie": "a=b", "X-Forwarded-For": "192.0.2.1"}
        async with session.put(f"{halves.gateway}/a%20b?c=d", data=b"x" * 300_000, headers=head) as answer:
            told = await answer.json()
        assert (told["method"], told["path"], told["bytes"]) == ("PUT", "/a%20b?c=d", 300_000)
        assert told["host"] == halves.gateway.removeprefix("http://")
        assert {name: told["fields"][name.lower()] for name in head} == head
        assert "x-rma-client" not in told["fields"]
        async with session.get(f"{halves.gateway}/stream") as answer:
            assert await answer.read() == b"0" * 70_000 + b"1" * 70_000 + b"2" * 70_000


async def test_a_websocket_passes_in_both_directions() -> None:
    async with (
        two_halves() as halves,
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{halves.gateway}/talk") as talk,
    ):
        for word in ("one", "two"):
            await talk.send_str(word)
            assert await talk.receive_str(timeout=60) == f"127.0.0.1: {word}"


@pytest.mark.parametrize("process", ["first", "gateway"])
async def test_a_health_check_that_names_no_host_is_served_by_every_process(process: str) -> None:
    async with two_halves() as halves:
        parts = urlsplit(str(getattr(halves, process)))
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(b"GET /health HTTP/1.0\r\n\r\n")
        async with asyncio.timeout(60):
            answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        assert answer.split()[1] == b"200"


async def test_without_the_first_a_client_is_told_so() -> None:
    listener = bind("127.0.0.1", 0)
    url = url_of(listener)
    server = Http1Server(AllToApp(), [listener], sweep=Sweep(), app=ToFirst("/nowhere/app"))
    await server.start()
    try:
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            assert answer.status == 502
            assert "first process" in (await answer.json(content_type=None))["detail"]
    finally:
        await server.stop()
