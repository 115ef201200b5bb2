"""Cloudflare's API is spoken as it is, and every refusal is told in words."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from node.program.cloudflare_answers import LONGEST_WAIT
from node.tunnel.cloudflared.api import BLOCKED_FOR, CloudflareApi, CloudflareError
from tests.support.cloudflare_api import ACCOUNT, TOKEN, FakeCloudflare, fake_cloudflare
from tests.support.web_site import web_site

TUNNELS = f"/accounts/{ACCOUNT}/cfd_tunnel"


@pytest.fixture
async def fake() -> AsyncIterator[FakeCloudflare]:
    async with fake_cloudflare() as made:
        yield made


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as made:
        yield made


async def test_results_come_out_of_their_envelope(fake: FakeCloudflare, session: aiohttp.ClientSession) -> None:
    api = CloudflareApi(session, TOKEN, fake.url + "/")
    made = await api.post(TUNNELS, {"name": "a", "config_src": "cloudflare"})
    assert (await api.get(TUNNELS, name="a"))[0]["id"] == made["id"]
    assert await api.get(TUNNELS, name="b") == []
    await api.delete(f"{TUNNELS}/{made['id']}")
    await api.delete(f"{TUNNELS}/{made['id']}")  # what is gone is no error


async def test_what_it_says_does_nothing_to_a_terminal(
    fake: FakeCloudflare, session: aiohttp.ClientSession
) -> None:
    fake.refuse("zones", 400, 7, "no\x1b[2J\r\nERROR forged")
    assert str(await refused(CloudflareApi(session, TOKEN, fake.url))).isprintable()


async def refused(api: CloudflareApi, path: str = "/zones") -> CloudflareError:
    with pytest.raises(CloudflareError) as caught:
        await api.get(path)
    return caught.value


async def test_a_limit_says_for_how_long(fake: FakeCloudflare, session: aiohttp.ClientSession) -> None:
    api = CloudflareApi(session, TOKEN, fake.url)
    fake.refuse("zones", 429, 971, "Please wait and consider throttling your request speed", Retry_After="77")
    error = await refused(api)
    assert (error.is_limit, error.is_refusal, error.wait) == (True, False, 77.0)
    fake.refuse("zones", 429, 971, "Please wait", Retry_After="Wed, 21 Oct 2026 07:28:00 GMT")
    assert (await refused(api)).wait == BLOCKED_FOR
    fake.refuse("zones", 429, 971, "Please wait", Retry_After="9" * 30)
    assert (await refused(api)).wait == LONGEST_WAIT


@pytest.mark.parametrize(
    ("status", "code", "message", "words"),
    [
        (403, 10000, "Authentication error", "CLOUDFLARE_API_TOKEN"),
        (401, 9109, "Invalid access token", "Cloudflare Tunnel / Edit"),
        (400, 6003, "Invalid request headers", "CLOUDFLARE_API_TOKEN"),
        (404, 7003, "Could not route to /accounts/x", "CLOUDFLARE_ACCOUNT_ID"),
        (503, 0, "", "tried again"),
        (
            409,
            1013,
            "You already have a tunnel with this name.",
            "already have a tunnel with this name (code 1013)",
        ),
    ],
)
async def test_every_refusal_is_told(
    fake: FakeCloudflare, session: aiohttp.ClientSession, status: int, code: int, message: str, words: str
) -> None:
    fake.refuse("zones", status, code, message)
    error = await refused(CloudflareApi(session, TOKEN, fake.url))
    assert words in f"{error} {error.hint}"
    assert (error.status, error.codes) == (status, (code,))
    assert TOKEN not in f"{error} {error.hint}"


async def test_tokens_that_are_wrong_in_form_or_not_known(
    fake: FakeCloudflare, session: aiohttp.ClientSession
) -> None:
    for token in ("two words", "unknown"):
        error = await refused(CloudflareApi(session, token, fake.url))
        assert error.is_refusal
        assert "does not accept the API token" in str(error)


async def test_an_answer_that_is_none_and_nobody_there(session: aiohttp.ClientSession) -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.path == "/away":
            raise web.HTTPFound("http://127.0.0.1:9/stolen")  # the token does not follow
        if request.path == "/deep":
            return web.Response(text='{"success":true,"result":' + "[" * 100_000)
        return web.Response(text="<html>", status=200 if request.path == "/html" else 502)

    app = web.Application()
    app.router.add_get("/{path}", answer)
    async with web_site(app) as url:
        api = CloudflareApi(session, TOKEN, url)
        for path, status in (("/html", 200), ("/deep", 200), ("/gone", 502), ("/away", 302)):
            assert (await refused(api, path)).status == status
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        error = await refused(CloudflareApi(session, TOKEN, f"http://127.0.0.1:{taken.getsockname()[1]}"))
    assert error.status == 0
    assert "cannot be reached" in str(error)
