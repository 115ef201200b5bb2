"""What every builtin service does alike: token, health, description, limits, and its end."""

import asyncio
import io
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from node.services.builtin import NAMES
from tests.support.builtin_services import RunningService, running_service

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def ner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    folder = tmp_path_factory.mktemp("ner")
    with running_service("ner-extraction", folder, RMA_SERVICE_MAX_BODY_BYTES="2000000") as service:
        yield service


@pytest.mark.parametrize("name", NAMES)
async def test_every_service_says_what_it_takes(name: str, tmp_path: Path) -> None:
    with running_service(name, tmp_path) as service:
        answer = await service.call("GET", "/")
        assert answer.status == 200
        assert answer.json["service"] == name
        for endpoint in answer.json["endpoints"]:
            assert endpoint["does"] and endpoint["path"].startswith("/")
        assert any(endpoint["takes"] for endpoint in answer.json["endpoints"])
        health = await service.call("GET", "/health", token=None)
        assert (health.status, health.json["status"]) == (200, "ok")


async def test_only_its_node_may_use_it(ner: RunningService) -> None:
    for token in (None, "", "wrong", "tökén"):
        answer = await ner.call("POST", "/extract", token=token, json={"text": "£5"})
        assert (answer.status, answer.problem) == (401, "unauthorized")
    assert (await ner.call("GET", "/", token=None)).status == 401


async def test_a_get_where_only_post_works_tells_what_to_post(ner: RunningService) -> None:
    answer = await ner.call("GET", "/extract")
    assert answer.status == 200 and answer.json["endpoints"][0]["path"] == "/extract"


async def test_unknown_paths_and_methods_are_problems(ner: RunningService) -> None:
    assert (await ner.call("GET", "/nothing")).problem == "not-found"
    answer = await ner.call("DELETE", "/extract")
    assert (answer.status, answer.problem) == (405, "method-not-allowed")
    assert "POST" in answer.headers["Allow"]


async def test_the_request_id_comes_back(ner: RunningService) -> None:
    answer = await ner.call("POST", "/extract", json={"text": "£5"}, headers={"X-Request-ID": "abc-1"})
    assert answer.headers["X-Request-ID"] == "abc-1"
    assert (await ner.call("GET", "/nothing")).json["request_id"]


async def test_a_body_that_is_too_large_is_refused_announced_or_not(ner: RunningService) -> None:
    announced = await ner.call(
        "POST", "/extract", data=io.BytesIO(b"x" * 2_000_001), headers={"Content-Type": "text/plain"}
    )
    assert (announced.status, announced.problem) == (413, "payload-too-large")
    assert announced.json["max_bytes"] == 2_000_000

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 65536

    counted = await ner.call("POST", "/extract", data=chunks(), headers={"Content-Type": "text/plain"})
    assert (counted.status, counted.problem) == (413, "payload-too-large")


async def test_health_stays_live_during_heavy_work(ner: RunningService) -> None:
    async def answers_meanwhile() -> int:
        heavy = asyncio.get_running_loop().create_task(ner.post("/extract", {"text": "07700 900123 " * 45_000}))
        count = -1  # what came with the end of the work does not count
        while not heavy.done():
            assert (await ner.call("GET", "/health")).status == 200
            count += 1
        assert (await heavy).status == 200
        return count

    # Where the work held up everything else, one or two would be answered before it and none while it lasts.
    for _ in range(5):
        if await answers_meanwhile() > 5:
            return
    pytest.fail("health checks wait for the work")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_exit_code_0(number: signal.Signals, tmp_path: Path) -> None:
    with running_service("ner-extraction", tmp_path) as service:
        os.kill(service.popen.pid, number)
        assert service.popen.wait(60) == 0


def test_it_ends_when_its_stdin_closes(tmp_path: Path) -> None:
    with running_service("document-processing", tmp_path) as service:
        assert service.popen.stdin is not None
        service.popen.stdin.close()
        assert service.popen.wait(60) == 0
