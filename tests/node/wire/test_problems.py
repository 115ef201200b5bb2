from __future__ import annotations

from typing import Any

import msgspec
import pytest

from node.wire.problems import TITLES, TYPE_PREFIX, Problem, kind_of

# What frontends may rely on (SPEC §5): never change a line, only add.
STATUSES = {
    "unknown-service": 404,
    "unknown-worker": 404,
    "unauthorized": 401,
    "forbidden": 403,
    "invite-invalid": 403,
    "payload-too-large": 413,
    "rate-limited": 429,
    "invalid-request": 400,
    "invalid-body": 422,
    "no-worker": 503,
    "overloaded": 503,
    "draining": 503,
    "no-coordinator": 503,
    "upstream-failed": 502,
    "upstream-timeout": 504,
}


@pytest.mark.parametrize(("kind", "status"), STATUSES.items())
def test_a_kind_keeps_its_status(kind: str, status: int) -> None:
    problem = Problem(kind, "Why.")
    document = msgspec.json.decode(problem.document())
    assert (problem.status, document["status"]) == (status, status)
    assert document["type"] == TYPE_PREFIX + kind
    assert kind_of(document) == kind


def test_every_kind_has_an_error_status_and_a_title() -> None:
    for status, title in TITLES.values():
        assert 400 <= status <= 599
        assert title[0].isupper()
        assert not title.endswith(".")


def test_a_problem_tells_its_details_and_the_requests_id() -> None:
    problem = Problem("rate-limited", "Wait 5 s.", headers={"Retry-After": "5"}, retry_after=5)
    assert msgspec.json.decode(problem.document("abc")) == {
        "type": TYPE_PREFIX + "rate-limited",
        "title": "Too many requests",
        "status": 429,
        "detail": "Wait 5 s.",
        "retry_after": 5,
        "request_id": "abc",
    }
    assert problem.headers == {"Retry-After": "5"}
    assert str(problem) == "Wait 5 s."


def test_a_status_may_be_more_exact() -> None:
    assert Problem("invalid-request", "x", status=411).status == 411


def test_an_unknown_kind_is_a_programming_error() -> None:
    with pytest.raises(KeyError):
        Problem("no-such-kind", "x")


@pytest.mark.parametrize("document", [{}, {"type": None}, {"type": 5}, {"type": ["x"]}, {"type": ""}])
def test_a_strange_document_has_no_kind(document: dict[str, Any]) -> None:
    assert kind_of(document) == ""


def test_a_foreign_type_gives_its_last_part() -> None:
    assert kind_of({"type": "about:blank"}) == "about:blank"
    assert kind_of({"type": "https://example.org/problems/teapot"}) == "teapot"
