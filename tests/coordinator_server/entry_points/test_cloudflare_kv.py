"""A value is written as Cloudflare wants it, and its refusals are told in words, without the token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from coordinator_server.entry_points.cloudflare_kv import CloudflareKv, KvError
from tests.support.cloudflare_api import refused
from tests.support.cloudflare_kv import ACCOUNT, NAMESPACE, TOKEN, FakeKv, fake_kv


async def put(fake: FakeKv, **changes: Any) -> None:
    settings = {"api": fake.url, "account": ACCOUNT, "namespace": NAMESPACE, "token": TOKEN, **changes}
    async with aiohttp.ClientSession() as session:
        await CloudflareKv(session, **settings).put("entry points/1", b"value")


async def failing(fake: FakeKv, **changes: Any) -> KvError:
    with pytest.raises(KvError) as caught:
        await put(fake, **changes)
    assert TOKEN not in str(caught.value)
    return caught.value


async def test_a_value_is_written() -> None:
    async with fake_kv() as fake:
        await put(fake)
        assert fake.values == {"entry points/1": b"value"}


async def test_refusals_are_told_apart() -> None:
    async with fake_kv() as fake:
        error = await failing(fake, token="another-token")
        assert (error.settings, "CF_API_TOKEN" in str(error), "10000" in str(error)) == (True, True, True)
        error = await failing(fake, namespace="f" * 32)
        assert (error.settings, "CF_KV_NAMESPACE_ID" in str(error)) == (True, True)
        error = await failing(fake, account="8" * 32)
        assert (error.settings, "CF_ACCOUNT_ID" in str(error)) == (True, True)
        fake.free = 0
        error = await failing(fake)
        assert (error.spent, error.settings) == (True, False)
        fake.out_of_order = lambda: refused(
            429, 971, "Please wait and consider throttling your request speed", Retry_After="77"
        )
        error = await failing(fake)
        assert (error.wait, error.spent) == (77.0, False)


@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.Response(status=502, text="<html>bad gateway"),
        lambda: web.Response(status=200, text="<html>hello"),
        lambda: web.Response(status=302, headers={"Location": "https://example.org"}),
        lambda: web.json_response({"success": False, "errors": [{"code": 1, "message": "x\x1b[31m"}]}, status=500),
        lambda: web.Response(status=200, body=b"[" * 100_000),
        lambda: web.Response(status=200, body=b'{"deep":' + b"[" * 50_000),
    ],
)
async def test_answers_that_are_none_are_failures(answer: Callable[[], web.Response]) -> None:
    async with fake_kv() as fake:
        fake.out_of_order = answer
        error = await failing(fake)
        assert not error.settings
        assert str(error).isprintable()


async def test_a_server_that_is_not_there_is_a_failure() -> None:
    async with fake_kv() as fake:
        pass
    assert "cannot be reached" in str(await failing(fake))
