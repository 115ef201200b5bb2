"""Answers of Cloudflare's API: whatever comes is read, and what is quoted of it is short and harmless."""

from __future__ import annotations

import msgspec
import pytest

from node.program.cloudflare_answers import LONGEST_QUOTED, LONGEST_WAIT, quoted, read_envelope, seconds_to_wait


def test_a_success_has_its_result() -> None:
    found = read_envelope(b'{"success":true,"errors":[],"result":{"id":"x"},"messages":[]}')
    assert found.success
    assert bytes(found.result) == b'{"id":"x"}'
    assert quoted(found.errors) == ""


@pytest.mark.parametrize("body", [b"", b"<html>", b"null", b"[]", b"\xff", b"[" * 100_000, b'{"success":"yes"}'])
def test_what_is_none_of_its_answers_is_no_success(body: bytes) -> None:
    found = read_envelope(body)
    assert not found.success
    assert found.codes == ()


def test_reasons_are_quoted_in_a_line_that_is_not_too_long() -> None:
    faults = [{"code": 7003, "message": "No route.\r\nX"}, {"code": 7000, "message": "a" * 1000}]
    found = read_envelope(msgspec.json.encode({"success": False, "errors": faults}))
    assert found.codes == (7003, 7000)
    said = quoted(found.errors)
    assert said.startswith(" It says: No route.  X (code 7003); aaa")
    assert said.endswith("a.")
    assert len(said) <= LONGEST_QUOTED + len(" It says: .")
    assert "four" not in quoted(read_envelope(b'{"errors":[{},{},{},{"message":"four"}]}').errors)


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("", None),
        ("0", 0.0),
        ("30", 30.0),
        ("9" * 30, LONGEST_WAIT),
        ("-5", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", None),
    ],
)
def test_it_is_waited_for_as_long_as_it_says(retry_after: str, seconds: float | None) -> None:
    assert seconds_to_wait(retry_after) == seconds
