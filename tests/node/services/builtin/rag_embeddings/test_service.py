"""rag-embeddings over HTTP: index, query, stats, and what a crash leaves."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.builtin_services import DEMO, RunningService, running_service, service_environment

pytestmark = pytest.mark.processes

LIBRARY = json.loads((DEMO / "library.json").read_text("utf-8"))
QUESTION = "Can bailiffs force their way in?"


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    with running_service("rag-embeddings", tmp_path_factory.mktemp("rag")) as service:
        yield service


async def test_an_empty_library_answers_an_empty_result(process: RunningService) -> None:
    answer = await process.post("/query", {"query": "anything", "collection": "empty"})
    assert answer.status == 200
    assert answer.json == {
        "query": "anything", "results": [], "count": 0, "collection": "empty", "documents_searched": 0,
    }  # fmt: skip


async def test_indexes_and_answers_the_demonstration_library(process: RunningService) -> None:
    answer = await process.post("/index", LIBRARY | {"collection": "demo"})
    assert answer.json["indexed"] == 5 and answer.json["replaced"] == 0
    found = (await process.post("/query", {"query": QUESTION, "top_k": 2, "collection": "demo"})).json
    assert found["results"][0]["id"] == "bailiffs"
    assert set(found["results"][0]) == {"id", "score", "text", "metadata"}
    assert found["results"][0]["metadata"]["page"] == 15
    assert found["count"] == len(found["results"]) <= 2 and found["documents_searched"] == 5


@pytest.mark.parametrize(
    "options",
    [
        {"json": {"query": QUESTION}},
        {"json": {"question": QUESTION, "k": 3}},
        {"json": {"q": QUESTION, "limit": 3}},
        {"data": {"query": QUESTION, "top_k": "3"}},
        {"data": QUESTION.encode(), "headers": {"Content-Type": "text/plain"}},
        {"json": {"query": QUESTION, "namespace": "default"}},
    ],
)
async def test_takes_a_question(process: RunningService, options: dict[str, Any]) -> None:
    await process.post("/index", LIBRARY)
    answer = await process.post("/query", **options)
    assert answer.json["results"][0]["id"] == "bailiffs", answer.body


async def test_takes_a_question_in_the_url(process: RunningService) -> None:
    await process.post("/index", LIBRARY)
    answer = await process.call("GET", "/query", params={"q": QUESTION, "k": "1"})
    assert [one["id"] for one in answer.json["results"]] == ["bailiffs"]
    assert (await process.call("GET", "/query")).json["service"] == "rag-embeddings"
    assert (await process.call("GET", "/query", params={"q": "a", "k": "many"})).json["field"] == "k"


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({"json": {"texts": ["one debt", "two debts"]}}, 2),
        ({"json": {"id": "x", "text": "one debt"}}, 1),
        ({"json": ["one debt", {"text": "two debts"}]}, 2),
        ({"json": {"documents": []}}, 0),
        ({"data": b"one debt", "headers": {"Content-Type": "text/plain"}}, 1),
    ],
)
async def test_takes_documents(tmp_path: Path, options: dict[str, Any], count: int) -> None:
    with running_service("rag-embeddings", tmp_path) as service:
        answer = await service.post("/index", **options)
        assert (answer.status, answer.json["indexed"]) == (200, count), answer.body
        assert (await service.post("/query", {"query": "debt"})).json["count"] == count


async def test_takes_an_uploaded_text_file(process: RunningService) -> None:
    form = aiohttp.FormData()
    form.add_field("file", b"zebras in debt", filename="zebra.txt", content_type="text/plain")
    assert (await process.post("/index", data=form)).json["indexed"] == 1
    found = (await process.post("/query", {"query": "zebra"})).json["results"]
    assert found[0]["metadata"] == {"filename": "zebra.txt"}


async def test_the_same_id_is_replaced(process: RunningService) -> None:
    for text in ("old giraffe", "new giraffe"):
        answer = await process.post("/index", {"id": "g", "text": text, "collection": "same"})
    assert answer.json["replaced"] == 1
    found = (await process.post("/query", {"query": "giraffe", "collection": "same"})).json["results"]
    assert [one["text"] for one in found] == ["new giraffe"]


async def test_documents_are_read_and_deleted_by_id(process: RunningService) -> None:
    await process.post("/index", {"id": "a/b c", "text": "walrus", "collection": "ids"})
    path = "/documents/a%2Fb%20c?collection=ids"
    assert (await process.call("GET", path)).json["text"] == "walrus"
    assert (await process.call("DELETE", path)).json == {"deleted": "a/b c", "collection": "ids"}
    for method in ("GET", "DELETE"):
        answer = await process.call(method, path)
        assert (answer.status, answer.problem) == (404, "not-found")
    assert (await process.call("DELETE", "/documents/a?collection=%2e%2e")).status == 400


async def test_ranks_given_documents_without_storing_them(process: RunningService) -> None:
    before = (await process.call("GET", "/stats")).json["documents"]
    answer = await process.post("/query", {"query": QUESTION, **LIBRARY, "collection": "none"})
    assert answer.json["results"][0]["id"] == "bailiffs" and answer.json["documents_searched"] == 5
    assert (await process.post("/stats")).json["documents"] == before


async def test_embed_says_that_no_model_is_configured(process: RunningService) -> None:
    answer = await process.post("/embed", {"texts": ["hello"]})
    assert (answer.status, answer.problem) == (501, "not-configured")
    assert "No dense model is configured" in answer.json["detail"]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/index", {}, "documents"),
        ("/index", {"documents": [{"id": "1"}]}, "documents[0].text"),
        ("/index", {"documents": "text"}, "documents"),
        ("/index", {"text": "a", "collection": "../x"}, "collection"),
        ("/query", {}, "query"),
        ("/query", {"query": 5}, "query"),
        ("/query", {"query": "a", "top_k": 0}, "top_k"),
        ("/query", {"query": "a", "top_k": 1000}, "top_k"),
        ("/query", {"query": "a", "top_k": "3"}, "top_k"),
        ("/query", {"query": "x" * 10_001}, "query"),
    ],
)
async def test_refuses(process: RunningService, path: str, body: object, field: str) -> None:
    answer = await process.post(path, body)
    assert (answer.status, answer.problem, answer.json["field"]) == (422, "invalid-body", field)


async def test_broken_json_is_400(process: RunningService) -> None:
    for path in ("/index", "/query"):
        answer = await process.post(path, data=b'{"text": ', headers={"Content-Type": "application/json"})
        assert (answer.status, answer.problem) == (400, "invalid-request")


def test_a_damaged_library_is_a_clear_line(tmp_path: Path) -> None:
    (tmp_path / "library.db").write_bytes(b"this is no database" * 1000)
    command = [sys.executable, "-m", "node.services.builtin", "rag-embeddings"]
    done = subprocess.run(
        command, env=service_environment(tmp_path), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1
    assert "library.db cannot be opened" in done.stderr and "Traceback" not in done.stderr


async def test_survives_kill_9_right_after_the_answer(tmp_path: Path) -> None:
    for number in range(3):
        with running_service("rag-embeddings", tmp_path) as service:
            answer = await service.post("/index", {"id": str(number), "text": f"debt number {number}"})
            service.popen.kill()
            assert answer.status == 200
    with running_service("rag-embeddings", tmp_path) as service:
        assert (await service.call("GET", "/stats")).json["documents"] == 3
        assert (await service.post("/query", {"query": "debt"})).json["count"] == 3
