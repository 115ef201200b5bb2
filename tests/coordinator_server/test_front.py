"""What every answer of the front has, whoever made it: a strict head, and CORS for those that are allowed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coordinator_server.front import find_version
from coordinator_server.serving import drain
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


async def test_the_prometheus_reading_is_of_now(front: Front) -> None:
    worker = await front.join("alpha")
    async with front.session.get(front.url + "/metrics") as answer:
        text = await answer.text()
        assert answer.content_type == "text/plain"
    for line in (
        "rma_registered_workers 1.0", "rma_active_workers 1.0", "rma_stale_workers 0.0",
        'rma_service_workers{service="echo"} 1.0', 'rma_service_wanted_workers{service="echo"} 1.0',
        'rma_dht{what="contacts"} 0.0', "rma_failovers_total 0.0",
        "rma_coordinators 1.0", "rma_expected_workers 0.0", "rma_store_up 1.0",
    ):  # fmt: skip
        assert line in text
    assert f'rma_worker_heartbeat_age_seconds{{worker="{worker.worker_id}"}}' in text


async def test_an_ended_coordinator_leaves_no_listener_waiting(tmp_path: Path) -> None:
    async with running_front(tmp_path) as front:
        url = front.url.replace("http", "ws", 1) + "/api/topology/stream"
        socket = await front.session.ws_connect(url)
        await socket.receive_json()
        await drain(front.site)
        message = await socket.receive(timeout=30)
        assert message.data == 1013
        await socket.close()


def test_the_version_is_that_of_the_package() -> None:
    assert find_version()[0].isdigit()
