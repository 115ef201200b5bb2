"""What a client is told about a try that failed."""

from __future__ import annotations

from node.forwarding.http1.interface import Trouble, problem_of


def test_what_a_trouble_is_called() -> None:
    assert problem_of(Trouble("timeout", "x")).status == 504
    assert problem_of(Trouble("reset", "x")).status == 502
    assert problem_of(Trouble("connect", "x", executed=False)).kind == "upstream-failed"
    full = problem_of(Trouble("full", "x", executed=False))
    assert (full.status, full.kind, full.headers["Retry-After"]) == (503, "overloaded", "2")
    assert problem_of(Trouble("client", "x", status=408)).status == 408
