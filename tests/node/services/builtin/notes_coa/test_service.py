"""notes-coa over HTTP, with a node in front of it that routes to the real ner-extraction."""

import base64
import contextlib
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import docx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from node.services.builtin.notes_coa.docx_letter import CONTENT_TYPE
from node.wire.problems import Problem
from tests.support.builtin_services import TOKEN, RunningService, running_service
from tests.support.notes import NOTE

pytestmark = pytest.mark.processes

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@contextlib.asynccontextmanager
async def node(handler: Handler) -> AsyncIterator[str]:
    """Stand in for the node's router."""
    app = web.Application(client_max_size=2**24)
    app.router.add_post("/service/ner-extraction/extract", handler)
    async with TestServer(app) as server:
        yield str(server.make_url("/")).rstrip("/")


@pytest.fixture(scope="module")
def ner(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    with running_service("ner-extraction", tmp_path_factory.mktemp("ner")) as service:
        yield service


@pytest.fixture
async def notes(ner: RunningService, tmp_path: Path) -> AsyncIterator[RunningService]:
    async def route(request: web.Request) -> web.Response:
        if request.headers["Authorization"] != "Bearer token-of-the-node":
            raise web.HTTPUnauthorized
        headers = {"X-RMA-Service-Token": TOKEN, "Content-Type": request.content_type}
        async with (
            aiohttp.ClientSession() as session,
            session.post(ner.url + "/extract", data=io.BytesIO(await request.read()), headers=headers) as answer,
        ):
            route = {"X-RMA-Worker": "worker-7", "X-RMA-Route": "direct"}
            return web.Response(
                status=answer.status, body=await answer.read(), content_type=answer.content_type, headers=route
            )

    async with node(route) as url:
        with running_service("notes-coa", tmp_path, url) as service:
            yield service


async def test_converts_the_demonstration_note(notes: RunningService) -> None:
    answer = await notes.post("/convert", {"notes": NOTE})
    assert answer.status == 200, answer.body
    found = answer.json
    assert found["case"]["client_name"] == "Jane O'Neill-Hart"
    assert len(found["case"]["debts"]) == 5
    assert "Dear Mrs O'Neill-Hart," in found["letter"]["text"]
    assert found["ner"] == {"worker": "worker-7", "route": "direct"}
    assert {"money", "person", "date"} <= {one["type"] for one in found["entities_used"]}
    assert found["warnings"] == []
    letter = docx.Document(io.BytesIO(base64.b64decode(found["letter"]["docx_base64"])))
    assert any("Dear Mrs O'Neill-Hart," in paragraph.text for paragraph in letter.paragraphs)


@pytest.mark.parametrize(
    "options",
    [
        {"json": {"text": NOTE}},
        {"json": {"notes": NOTE, "client": "Jane O'Neill-Hart", "adviser": "Sam Okafor"}},
        {"json": {"notes": NOTE, "client": {"name": "Jane O'Neill-Hart"}, "adviser": {"name": "Sam"}}},
        {"data": NOTE.encode(), "headers": {"Content-Type": "text/plain"}},
        {"data": {"notes": NOTE, "client": "Jane O'Neill-Hart"}},
    ],
)
async def test_takes(notes: RunningService, options: dict[str, Any]) -> None:
    answer = await notes.post("/convert", **options)
    assert answer.status == 200, answer.body
    assert answer.json["case"]["client_name"] == "Jane O'Neill-Hart"


async def test_takes_an_uploaded_note(notes: RunningService) -> None:
    form = aiohttp.FormData()
    form.add_field("file", NOTE.encode(), filename="note.txt", content_type="text/plain")
    form.add_field("format", "json")
    assert (await notes.post("/convert", data=form)).json["case"]["date"] == "2025-03-12"


@pytest.mark.parametrize(
    "options",
    [
        {"json": {"notes": NOTE, "format": "docx"}},
        {"json": {"notes": NOTE}, "headers": {"Accept": CONTENT_TYPE}},
        {"data": NOTE.encode(), "headers": {"Accept": CONTENT_TYPE, "Content-Type": "text/plain"}},
    ],
)
async def test_answers_the_file_itself(notes: RunningService, options: dict[str, Any]) -> None:
    answer = await notes.post("/convert", **options)
    assert answer.headers["Content-Type"] == CONTENT_TYPE
    assert 'filename="confirmation-of-advice.docx"' in answer.headers["Content-Disposition"]
    text = "\n".join(paragraph.text for paragraph in docx.Document(io.BytesIO(answer.body)).paragraphs)
    assert "Dear Mrs O'Neill-Hart," in text


@pytest.mark.parametrize(
    ("options", "status", "problem", "field"),
    [
        ({"json": {}}, 422, "invalid-body", "notes"),
        ({"json": {"notes": ""}}, 422, "invalid-body", "notes"),
        ({"json": {"notes": 5}}, 422, "invalid-body", "notes"),
        ({"json": {"notes": "a", "format": "pdf"}}, 422, "invalid-body", "format"),
        ({"json": {"notes": "a", "client": {"name": 5}}}, 422, "invalid-body", "client.name"),
        ({"json": {"notes": "x" * 200_001}}, 413, "payload-too-large", "notes"),
        ({"data": b"{", "headers": {"Content-Type": "application/json"}}, 400, "invalid-request", None),
        ({"data": b"%PDF", "headers": {"Content-Type": "application/pdf"}}, 415, "unsupported-media-type", None),
    ],
)
async def test_refuses(
    notes: RunningService, options: dict[str, Any], status: int, problem: str, field: str | None
) -> None:
    answer = await notes.post("/convert", **options)
    assert (answer.status, answer.problem, answer.json.get("field")) == (status, problem, field)


async def test_notes_at_the_limit_are_converted(notes: RunningService) -> None:
    long = ("Debts:\n- Bank of Leeds £5, ref AB/123\n" * 5400)[:199_000]
    answer = await notes.post("/convert", {"notes": long})
    assert answer.status == 200 and len(answer.json["case"]["debts"]) == 200


async def no_worker(_: web.Request) -> web.Response:
    problem = Problem("no-worker", "No healthy worker offers ner-extraction.", headers={"Retry-After": "9"})
    return web.Response(status=503, body=problem.document(), headers=problem.headers)


async def garbage(_: web.Request) -> web.Response:
    return web.Response(body=b"<html>welcome to the airport</html>")


async def liar(_: web.Request) -> web.Response:
    return web.json_response({"entities": [{"type": "money", "text": 5}]})


async def elsewhere(_: web.Request) -> web.Response:
    raise web.HTTPFound("http://127.0.0.1:9/")


@pytest.mark.parametrize(
    ("handler", "status", "problem"),
    [
        (no_worker, 503, "no-worker"),
        (garbage, 502, "upstream-failed"),
        (liar, 502, "upstream-failed"),
        (elsewhere, 502, "upstream-failed"),
    ],
)
async def test_without_entities_there_is_no_letter(
    tmp_path: Path, handler: Handler, status: int, problem: str
) -> None:
    async with node(handler) as url:
        with running_service("notes-coa", tmp_path, url) as service:
            answer = await service.post("/convert", {"notes": NOTE})
    assert (answer.status, answer.problem) == (status, problem)
    assert answer.json["service"] == "ner-extraction" and "were not converted" in answer.json["detail"]
    assert answer.headers.get("Retry-After") == ("9" if status == 503 else None)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", ""])
async def test_a_node_that_cannot_be_reached_is_said(tmp_path: Path, url: str) -> None:
    with running_service("notes-coa", tmp_path, url) as service:
        answer = await service.post("/convert", {"notes": NOTE})
        assert (answer.status, answer.problem) == (502, "upstream-failed")
        assert (await service.call("GET", "/health")).status == 200
