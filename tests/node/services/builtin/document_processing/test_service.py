"""document-processing over HTTP, with the bodies that a frontend developer would send."""

import asyncio
import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest
from aiohttp.test_utils import TestServer

from node.services.builtin.contract import read_context
from node.services.builtin.document_processing.documents import Document, Job, NotReadError
from node.services.builtin.document_processing.readers import Readers
from node.services.builtin.document_processing.service import DocumentProcessing
from node.services.builtin.server import make_application
from tests.support.builtin_services import DEMO, TOKEN, RunningService, make_pdf, running_service
from tests.support.processes import is_alive
from tests.support.waiting import eventually

pytestmark = pytest.mark.processes

LETTER = (DEMO / "debt-letter.pdf").read_bytes()
ENCODED = base64.b64encode(LETTER).decode()
ENCRYPTED = Path(__file__).with_name("encrypted.pdf").read_bytes()


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    with running_service("document-processing", tmp_path_factory.mktemp("documents")) as service:
        yield service


def typed(content_type: str, data: bytes, **headers: str) -> dict[str, Any]:
    return {"data": data, "headers": {"Content-Type": content_type, **headers}}


@pytest.mark.parametrize(
    "options",
    [
        typed("application/pdf", LETTER),
        typed("application/octet-stream", LETTER),
        typed("application/x-www-form-urlencoded", LETTER),
        {"json": {"content": ENCODED, "filename": "letter.pdf"}},
        {"json": {"data": "data:application/pdf;base64," + ENCODED}},
        {"json": {"file": ENCODED}},
        {"json": {"pdf": ENCODED}},
    ],
)
async def test_takes_a_pdf(documents: RunningService, options: dict[str, Any]) -> None:
    answer = await documents.post("/extract", **options)
    assert answer.status == 200, answer.body
    found = answer.json
    assert (found["content_type"], found["page_count"]) == ("application/pdf", 3)
    assert [page["number"] for page in found["pages"]] == [1, 2, 3]
    assert all(page["characters"] == len(page["text"]) for page in found["pages"])
    assert found["metadata"]["author"] == "Northmoor Finance Ltd"
    assert "Dear Mrs O'Neill-Hart," in found["text"]
    assert found.get("filename") == options.get("json", {}).get("filename")


@pytest.mark.parametrize("field", ["file", "upload", "document", "whatever"])
async def test_takes_a_browser_upload(documents: RunningService, field: str) -> None:
    form = aiohttp.FormData()
    form.add_field(field, LETTER, filename="letter.pdf", content_type="application/pdf")
    answer = await documents.post("/extract", data=form)
    assert (answer.json["filename"], answer.json["page_count"]) == ("letter.pdf", 3)


async def test_the_name_may_come_in_a_header(documents: RunningService) -> None:
    disposition = {"Content-Disposition": 'attachment; filename="letter.pdf"'}
    answer = await documents.post("/extract", **typed("application/pdf", LETTER, **disposition))
    assert answer.json["filename"] == "letter.pdf"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (typed("text/plain; charset=utf-8", "£5 owed".encode()), "£5 owed"),
        (typed("text/html", b"<p>You <b>owe</b> &pound;5</p>"), "You owe £5"),
        ({"json": {"text": "£5 owed"}}, "£5 owed"),
        ({"json": {"html": "<p>You owe &pound;5"}}, "You owe £5"),
        ({"data": {"text": "£5 owed"}}, "£5 owed"),
    ],
)
async def test_takes_text_and_html(documents: RunningService, options: dict[str, Any], text: str) -> None:
    answer = await documents.post("/extract", **options)
    assert (answer.status, answer.json["text"], answer.json["page_count"]) == (200, text, 1)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (LETTER[:3000], "truncated"),
        (ENCRYPTED, "encrypted"),
        (b"", "empty"),
        (b"hello", "not-a-pdf"),
        (b"%PDF-1.4 nothing %%EOF", "broken"),
    ],
)
async def test_a_document_that_cannot_be_read_is_422_with_the_reason(
    documents: RunningService, data: bytes, reason: str
) -> None:
    raw = await documents.post("/extract", **typed("application/pdf", data))
    encoded = await documents.post("/extract", {"pdf": base64.b64encode(data).decode()})
    for answer in (raw, encoded):
        assert (answer.status, answer.problem) == (422, "unprocessable-document")
        assert answer.json["reason"] == reason and answer.json["detail"].endswith(".")


@pytest.mark.parametrize(
    ("options", "status", "problem"),
    [
        (typed("image/png", b"\x89PNG"), 415, "unsupported-media-type"),
        (typed("application/json", b'{"content": '), 400, "invalid-request"),
        ({"json": {}}, 422, "invalid-body"),
        ({"json": {"content": "%%%"}}, 422, "invalid-body"),
        ({"json": {"content": 7}}, 422, "invalid-body"),
        (typed("multipart/form-data", b"no boundary"), 400, "invalid-request"),
        (typed("multipart/form-data; boundary=x", b"--x\r\ncut off"), 400, "invalid-request"),
    ],
)
async def test_refuses(documents: RunningService, options: dict[str, Any], status: int, problem: str) -> None:
    answer = await documents.post("/extract", **options)
    assert (answer.status, answer.problem) == (status, problem), answer.body


async def test_a_machine_that_does_not_come_to_it_is_503_and_may_be_asked_again(tmp_path: Path) -> None:
    class Busy(Readers):
        """Has no time."""

        async def read(self, job: Job) -> Document:
            raise NotReadError(f"No time for a {job.kind}.")

    environment = {"RMA_SERVICE_DATA_DIR": str(tmp_path), "RMA_SERVICE_TOKEN": TOKEN}
    context = read_context("document-processing", environment)
    app = make_application(DocumentProcessing(context, Busy(1)), context)
    with context.threads:
        async with TestServer(app) as server, aiohttp.ClientSession() as session:
            told = {"X-RMA-Service-Token": TOKEN}
            async with session.post(server.make_url("/extract"), data=LETTER, headers=told) as answer:
                problem = await answer.json(content_type=None)
                assert (answer.status, problem["type"].rpartition("/")[2]) == (503, "overloaded")
                assert (problem["detail"], "Retry-After" in answer.headers) == ("No time for a pdf.", True)


async def test_many_at_once_are_each_answered(documents: RunningService) -> None:
    pdfs = [make_pdf(f"Document {number}") for number in range(12)]
    answers = await asyncio.gather(*(documents.post("/extract", **typed("application/pdf", pdf)) for pdf in pdfs))
    assert [answer.json["text"] for answer in answers] == [f"Document {number}" for number in range(12)]


async def test_killed_it_leaves_no_reader(tmp_path: Path) -> None:
    with running_service("document-processing", tmp_path) as service:
        assert (await service.post("/extract", **typed("application/pdf", LETTER))).status == 200
        readers = psutil.Process(service.popen.pid).children()
        assert readers
        service.popen.kill()
        await eventually(lambda: not any(map(is_alive, readers)), "the end of all readers")
