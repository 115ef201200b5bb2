"""What a node answers in place of entities becomes a plain problem."""

import msgspec
import pytest

from node.services.builtin.notes_coa.ner_client import refusal
from node.wire.problems import Problem


@pytest.mark.parametrize(
    ("status", "kind", "ours"),
    [
        (503, "no-worker", 503),
        (429, "no-worker", 503),
        (504, "upstream-timeout", 504),
        (502, "upstream-failed", 502),
        (401, "upstream-failed", 502),
        (404, "upstream-failed", 502),
        (302, "upstream-failed", 502),
    ],
)
def test_refusals(status: int, kind: str, ours: int) -> None:
    problem = refusal(status, {}, Problem("no-worker", "No healthy worker.").document())
    assert (problem.kind, problem.status) == (kind, ours)
    assert "were not converted" in problem.detail and "ner-extraction" in problem.detail
    assert "No healthy worker" in problem.detail


def test_retry_after_is_passed_on() -> None:
    assert refusal(503, {"Retry-After": "17"}, b"").headers["Retry-After"] == "17"


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"[" * 5000, b'"\xff"', msgspec.json.encode({"detail": 5})]
)
def test_an_answer_that_is_no_problem_document_is_named_by_its_status(body: bytes) -> None:
    assert "HTTP 500" in refusal(500, {}, body).detail
