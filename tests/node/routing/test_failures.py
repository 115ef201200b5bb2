from __future__ import annotations

import pytest
from multidict import CIMultiDict

from node.routing.failures import (
    Failure,
    FailureKind,
    conclude,
    conclude_here,
    may_be_refusal,
    no_worker,
    refusal_of,
)
from node.wire.problems import TYPE_PREFIX


def failed(kind: FailureKind, refusal: str = "") -> Failure:
    return Failure("w1", kind, "why", refusal)


def test_only_a_worker_that_was_not_reached_or_sent_it_back_did_not_execute() -> None:
    executed = {kind: failed(kind).executed for kind in ("connect", "refused", "reset", "timeout", "bad-status")}
    assert executed == {"connect": False, "refused": False, "reset": True, "timeout": True, "bad-status": True}


@pytest.mark.parametrize(
    ("status", "attempts", "expected"),
    [
        (503, None, True),
        (503, "0", True),
        (503, "1", False),
        (401, None, True),
        (200, None, False),
        (500, None, False),
    ],
)
def test_a_services_own_answer_is_never_taken_for_a_refusal(
    status: int, attempts: str | None, expected: bool
) -> None:
    answer = CIMultiDict({"x-rma-attempts": attempts} if attempts else {})
    assert may_be_refusal(status, answer) is expected


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"type": TYPE_PREFIX + "draining"}, "draining"),
        ({"type": TYPE_PREFIX + "overloaded"}, "overloaded"),
        ({"type": TYPE_PREFIX + "internal-error"}, ""),
        ({"type": 7}, ""),
        ({}, ""),
        (None, ""),
    ],
)
def test_what_counts_as_a_refusal(document: dict[str, object] | None, expected: str) -> None:
    assert refusal_of(document) == expected


@pytest.mark.parametrize(
    ("failures", "kind", "status"),
    [
        ([], "no-worker", 503),
        ([failed("connect")], "upstream-failed", 502),
        ([failed("connect"), failed("timeout")], "upstream-timeout", 504),
        ([failed("timeout"), failed("reset")], "upstream-failed", 502),
        ([failed("refused", "overloaded"), failed("connect")], "overloaded", 503),
        ([failed("refused", "overloaded"), failed("reset")], "upstream-failed", 502),
        ([failed("refused", "draining"), failed("refused", "no-worker")], "no-worker", 503),
        ([failed("refused", "unauthorized")], "upstream-failed", 502),
    ],
)
def test_what_a_client_is_told_in_the_end(failures: list[Failure], kind: str, status: int) -> None:
    problem = conclude("ocr", failures, 5)
    assert (problem.kind, problem.status) == (kind, status)
    assert ("Retry-After" in problem.headers) == (status == 503)
    if failures:
        assert problem.headers["X-RMA-Attempts"] == str(len(failures))
        assert problem.extra["reason"] == "why"


def test_no_worker_says_when_to_come_again() -> None:
    assert no_worker("ocr", "Nobody is here.", 7).headers["Retry-After"] == "7"


def test_another_node_is_told_whether_the_service_here_is_busy_or_not_there() -> None:
    busy = conclude_here("ocr", [failed("refused", "overloaded")], 5)
    assert (busy.kind, busy.headers["Retry-After"]) == ("overloaded", "2")
    gone = conclude_here("ocr", [failed("connect")], 5)
    assert (gone.kind, gone.headers["Retry-After"]) == ("no-worker", "5")
