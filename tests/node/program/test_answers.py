"""An answer without end is not read to its end."""

from __future__ import annotations

import aiohttp
import pytest
from aiohttp import web

from node.program.answers import TooLongError, read_at_most
from tests.support.web_site import web_site


async def test_a_body_is_read_whole_up_to_the_limit() -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=b"x" * 200_000)

    app = web.Application()
    app.router.add_get("/", answer)
    async with web_site(app) as url, aiohttp.ClientSession() as session:
        async with session.get(url) as got:
            assert len(await read_at_most(got, 200_000)) == 200_000
        async with session.get(url) as got:
            with pytest.raises(TooLongError, match="more than 199999 bytes"):
                await read_at_most(got, 199_999)
