"""Whether an address leads to this very node."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator, Callable

import aiohttp
from aiohttp import web

from node.tunnel.outside import PATH, Outside
from tests.support.web_site import web_site


@contextlib.asynccontextmanager
async def serving(answer_to: Callable[[str], str | None]) -> AsyncIterator[str]:
    async def answer(request: web.Request) -> web.Response:
        word = answer_to(request.match_info["question"])
        return web.Response(text=word) if word is not None else web.Response(status=404)

    app = web.Application()
    app.router.add_get(PATH + "{question}", answer)
    async with web_site(app) as url:
        yield url


async def test_an_address_that_leads_here() -> None:
    outside = Outside()
    async with serving(outside.answer_to) as url, aiohttp.ClientSession() as session:
        assert await outside.why_not(session, url + "/") == ""
        assert await outside.why_not(session, url) == ""


async def test_another_node_and_somebody_who_repeats_the_question_are_found_out() -> None:
    ours, other = Outside(), Outside()
    async with aiohttp.ClientSession() as session:
        async with serving(other.answer_to) as url:
            assert "status 404" in await ours.why_not(session, url)
        async with serving(lambda question: question) as url:
            assert "Something else answers" in await ours.why_not(session, url)


async def test_nobody_there_is_told() -> None:
    outside = Outside()
    async with aiohttp.ClientSession() as session:
        with socket.socket() as taken:  # bound, and nobody listens
            taken.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{taken.getsockname()[1]}"
            assert "Nothing answers there" in await outside.why_not(session, url)
        assert await outside.why_not(session, "http://[") != ""


def test_whoever_makes_up_a_question_gets_no_answer() -> None:
    assert Outside().answer_to("made-up") is None
