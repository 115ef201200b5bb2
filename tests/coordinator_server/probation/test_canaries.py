"""Canaries: read from manifests, another number each time, and the shipped services know the answers."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from coordinator_server.probation.canaries import Canary, load_canaries, question_of
from node.wire.manifests import ManifestError, load_catalogue
from tests.support.builtin_services import running_service
from tests.support.shipped import MANIFESTS

PLAIN = Canary(body="a %N%", contains=("b %N%",))


def test_the_number_is_in_question_and_answer() -> None:
    question = question_of(PLAIN, "/x", 4711)
    assert (question.body, question.contains, question.path) == (b"a 4711", ("b 4711",), "/x")
    assert question.verdict(200, b"... b 4711 ...") == ""
    assert question.verdict(200, b"b 4712")
    assert "status 500" in (question.verdict(500, b"b 4711") or "")
    for busy in (503, 429):
        assert question.verdict(busy, b"") is None


def test_what_nodes_are_told_holds_no_canary() -> None:
    assert set(load_canaries([MANIFESTS])) == {
        "document-processing",
        "ner-extraction",
        "rag-embeddings",
        "notes-coa",
    }
    told = msgspec.json.encode(load_catalogue([MANIFESTS]))
    assert b"canary" not in told
    assert b"Northmoor" not in told


def test_the_operators_manifest_replaces_the_shipped_one(tmp_path: Path) -> None:
    text = (MANIFESTS / "ner-extraction.toml").read_text("utf-8")
    (tmp_path / "ner.toml").write_text(text.partition("[canary]")[0], "utf-8")
    assert "ner-extraction" not in load_canaries([MANIFESTS, tmp_path])


@pytest.mark.parametrize(
    "wrong",
    ['contains = "no list"', "contains = []", 'contains = ["a"]\nstatus = 900', 'contains = ["a"]\nbodi = "typo"',
     'contains = ["a"]\npath = "x"', 'contains = ["a"]\ncontent_type = "a\\r\\nX-Evil: b"'],
)  # fmt: skip
def test_a_wrong_table_is_said_with_its_file(tmp_path: Path, wrong: str) -> None:
    text = (MANIFESTS / "rag-embeddings.toml").read_text("utf-8").partition("[canary]")[0]
    (tmp_path / "rag.toml").write_text(text + "\n[canary]\n" + wrong + "\n", "utf-8")
    with pytest.raises(ManifestError, match=r"rag\.toml.*canary"):
        load_canaries([tmp_path])


@contextlib.asynccontextmanager
async def node_with_ner(folder: Path) -> AsyncIterator[str]:
    """Stand in for a node whose mesh has ner-extraction."""
    (folder / "ner").mkdir()
    with running_service("ner-extraction", folder / "ner") as ner:

        async def route(request: web.Request) -> web.Response:
            found = await ner.call(
                "POST", "/extract", data=await request.read(), headers={"Content-Type": request.content_type}
            )
            return web.Response(status=found.status, body=found.body, content_type="application/json")

        app = web.Application()
        app.router.add_post("/service/ner-extraction/extract", route)
        async with TestServer(app) as server:
            yield str(server.make_url("/")).rstrip("/")


@pytest.mark.processes
@pytest.mark.parametrize("name", ["document-processing", "ner-extraction", "rag-embeddings", "notes-coa"])
async def test_the_shipped_services_answer_theirs(tmp_path: Path, name: str) -> None:
    canary, manifest = load_canaries([MANIFESTS])[name], load_catalogue([MANIFESTS]).by_name()[name]
    async with node_with_ner(tmp_path) as url:
        await answers_all(name, canary, manifest.default_path, tmp_path / "own", url)


async def answers_all(name: str, canary: Canary, path: str, folder: Path, node_url: str) -> None:
    folder.mkdir()
    with running_service(name, folder, node_url) as service:
        for number in (1000, 4711, 9999):
            question = question_of(canary, path, number)
            answer = await service.call(
                question.method,
                question.path,
                data=question.body,
                headers={"Content-Type": question.content_type},
            )
            assert question.verdict(answer.status, answer.body) == "", answer.body[:2000]
