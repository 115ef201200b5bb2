"""Messages of the channel: their types, what an assignment is there, and what is none."""

from __future__ import annotations

import msgspec
import pytest

from node.wire.blocklists import SignedBlocklist
from node.wire.channel import (
    ASSIGNMENT,
    MOST_RELAYED,
    OPEN,
    Open,
    read_assignment,
    read_open,
    read_type,
    relay_offered,
)
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


def test_connections_are_asked_for_by_tickets() -> None:
    message = msgspec.json.encode(Open(tickets=("a" * 22, "B-_9" * 6)))
    assert msgspec.json.decode(message) == {"type": "open", "tickets": ["a" * 22, "B-_9" * 6]}
    assert read_type(message) == OPEN
    assert read_open(message).tickets == ("a" * 22, "B-_9" * 6)


@pytest.mark.parametrize("ticket", ["", "short", "x" * 65, "../" * 8, "a?b" * 8, "a" * 20 + "\n", "\u00e4" * 20])
def test_a_ticket_is_a_word_that_stands_in_a_path(ticket: str) -> None:
    with pytest.raises(ValueError, match="no request"):
        read_open(msgspec.json.encode({"type": "open", "tickets": [ticket]}))
    with pytest.raises(ValueError, match="no request"):
        read_open(msgspec.json.encode({"type": "open", "tickets": ["x" * 22] * (MOST_RELAYED + 1)}))


@pytest.mark.parametrize(
    ("field", "offered"),
    [("", 0), ("0", 0), ("64", 64), ("-1", 0), ("many", 0), ("999999", MOST_RELAYED), ("9" * 50, 0), ("\u0663", 0)],
)
def test_an_offer_is_a_number(field: str, offered: int) -> None:
    assert relay_offered(field) == offered
