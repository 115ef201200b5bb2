"""What every answer has, whoever made it: a strict head, and CORS for those that are allowed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.front import Front, running_front

APP = "https://app.example"


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    async with running_front(tmp_path, cors_origins=(APP,)) as made:
        yield made


@pytest.mark.parametrize("path", ["/health", "/nothing", "/api/admin/keys", "/service/echo", "/", "/metrics"])
async def test_every_answer_has_a_strict_head_and_an_id(front: Front, path: str) -> None:
    async with front.session.get(front.url + path, headers={"Origin": APP}) as answer:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Content-Security-Policy"]
        assert answer.headers["Server"] == "rma-mesh"
        assert answer.headers["X-Request-ID"]
        assert answer.headers["Access-Control-Allow-Origin"] == APP
        assert answer.headers["Vary"] == "Origin"
        assert "Access-Control-Allow-Credentials" not in answer.headers


async def test_a_foreign_page_may_read_nothing(front: Front) -> None:
    async with front.session.get(front.url + "/health", headers={"Origin": "https://evil.example"}) as answer:
        assert "Access-Control-Allow-Origin" not in answer.headers


async def test_a_preflight_needs_no_key_and_an_options_request_that_is_none_does(front: Front) -> None:
    asked = {"Origin": APP, "Access-Control-Request-Method": "DELETE"}
    async with front.session.options(front.url + "/api/admin/keys/1", headers=asked) as answer:
        assert answer.status == 204
        assert "DELETE" in answer.headers["Access-Control-Allow-Methods"]
    async with front.session.options(front.url + "/service/echo", headers={"Origin": APP}) as answer:
        assert answer.status == 401
