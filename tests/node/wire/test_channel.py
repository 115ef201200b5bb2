"""Messages of the channel: their types, what an assignment is there, and what is none."""

from __future__ import annotations

import msgspec
import pytest

from node.wire.blocklists import SignedBlocklist
from node.wire.channel import ASSIGNMENT, read_assignment, read_type
from node.wire.messages import Assignment

TOLD = Assignment(role="cpu", services=("ner",), blocklist=SignedBlocklist("{}", "s"))
MESSAGE = msgspec.json.encode({"type": ASSIGNMENT, **msgspec.structs.asdict(TOLD)})


def test_an_assignment_is_a_heartbeats_answer_with_a_type() -> None:
    assert read_type(MESSAGE) == read_type(MESSAGE.decode()) == ASSIGNMENT
    assert read_assignment(MESSAGE) == TOLD


def test_what_is_not_known_has_a_type_nevertheless() -> None:
    assert read_type('{"type": "relay", "more": {"type": 1}}') == "relay"


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", '{"type": null}', '{"type": "%s"}' % ("x" * 65), b"\xff"])
def test_what_is_no_message(text: str | bytes) -> None:
    with pytest.raises(ValueError, match="no message"):
        read_type(text)


@pytest.mark.parametrize("text", ['{"type": "assignment"}', '{"role": "king"}', '{"role": "cpu", "blocklist": {}}'])
def test_what_is_no_assignment(text: str) -> None:
    with pytest.raises(ValueError, match="no assignment"):
        read_assignment(text)
