"""ner-extraction over HTTP, with the bodies that a frontend developer would send."""

from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from tests.support.builtin_services import RunningService, running_service

pytestmark = pytest.mark.processes
TEXT = "Mrs Jane O'Neill owes £1,234.56 since 12 March 2025."


@pytest.fixture(scope="module")
def ner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    with running_service("ner-extraction", tmp_path_factory.mktemp("ner")) as service:
        yield service


def form(**fields: str) -> aiohttp.FormData:
    made = aiohttp.FormData()
    for name, value in fields.items():
        made.add_field(name, value, content_type="text/plain", filename="note.txt" if name == "file" else None)
    return made


@pytest.mark.parametrize(
    "options",
    [
        {"json": {"text": TEXT}},
        {"json": {"content": TEXT}},
        {"json": {"input": TEXT, "unknown": True}},
        {"data": TEXT.encode(), "headers": {"Content-Type": "text/plain"}},
        {"data": ('{"text": "' + TEXT + '"}').encode(), "headers": {"Content-Type": "text/plain;charset=UTF-8"}},
        {
            "data": ('{"text": "' + TEXT + '"}').encode(),
            "headers": {"Content-Type": "application/x-www-form-urlencoded"},
        },
        {"data": {"text": TEXT}},
        {"data": TEXT.encode("cp1252"), "headers": {"Content-Type": "text/plain; charset=windows-1252"}},
    ],
)
async def test_takes(ner: RunningService, options: dict[str, Any]) -> None:
    answer = await ner.post("/extract", **options)
    assert answer.status == 200, answer.body
    assert answer.json["counts"] == {"date": 1, "money": 1, "person": 1}
    assert answer.json["text_length"] == len(TEXT)
    money = next(one for one in answer.json["entities"] if one["type"] == "money")
    assert money == {
        "type": "money", "text": "£1,234.56", "start": 22, "end": 31, "value": "1234.56", "confidence": 0.99,
        "currency": "GBP",
    }  # fmt: skip


@pytest.mark.parametrize("field", ["text", "file"])
async def test_takes_a_browser_form(ner: RunningService, field: str) -> None:
    answer = await ner.post("/extract", data=form(**{field: TEXT}))
    assert answer.json["counts"]["money"] == 1


async def test_several_texts_answer_in_their_order(ner: RunningService) -> None:
    answer = await ner.post("/extract", {"texts": ["£1", "", "Mr Smith"], "types": ["money"]})
    assert [one["counts"] for one in answer.json["results"]] == [{"money": 1}, {}, {}]
    assert answer.json["count"] == 3


async def test_an_empty_text_has_no_entities(ner: RunningService) -> None:
    answer = await ner.post("/extract", {"text": ""})
    assert answer.json == {"entities": [], "counts": {}, "text_length": 0}


@pytest.mark.parametrize(
    ("options", "status", "problem", "field"),
    [
        ({"json": {}}, 422, "invalid-body", "text"),
        ({"json": {"text": 5}}, 422, "invalid-body", "text"),
        ({"json": {"texts": ["a", None]}}, 422, "invalid-body", "texts[1]"),
        ({"json": {"text": "a", "types": ["planet"]}}, 422, "invalid-body", "types[0]"),
        ({"json": [1]}, 422, "invalid-body", "body"),
        ({"json": {"texts": ["a"] * 1001}}, 422, "invalid-body", "texts"),
        ({"data": b"{", "headers": {"Content-Type": "application/json"}}, 400, "invalid-request", None),
        (
            {"data": b'{"text": "\\ud800"}', "headers": {"Content-Type": "application/json"}},
            400,
            "invalid-request",
            None,
        ),
        ({"data": b"\x89PNG", "headers": {"Content-Type": "image/png"}}, 415, "unsupported-media-type", None),
        ({"json": {"text": "x" * 1_000_001}}, 413, "payload-too-large", None),
    ],
)
async def test_refuses(
    ner: RunningService, options: dict[str, Any], status: int, problem: str, field: str | None
) -> None:
    answer = await ner.post("/extract", **options)
    assert (answer.status, answer.problem, answer.json.get("field")) == (status, problem, field)
    assert answer.json["detail"] and answer.json["request_id"]
