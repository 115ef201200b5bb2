"""Messages of the channel: their types, what an assignment is there, and what is none."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from node.wire.blocklists import SignedBlocklist
from node.wire.channel import (
    ANSWER,
    ASSIGNMENT,
    HEARTBEAT,
    MOST_RELAYED,
    OPEN,
    Beat,
    Open,
    encode_answer,
    encode_refusal,
    read_answer,
    read_assignment,
    read_beat,
    read_open,
    read_type,
    relay_offered,
)
from node.wire.messages import Assignment, HeartbeatRequest
from node.wire.problems import Problem

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


def test_a_heartbeat_is_read_in_one_go_and_other_messages_are_none() -> None:
    sent = Beat(number=3, heartbeat=HeartbeatRequest(worker_id="anna", load=0.5))
    text = msgspec.json.encode(sent)
    assert (read_type(text), read_beat(text)) == (HEARTBEAT, sent)
    assert read_beat(text.decode()) == sent
    assert read_beat(MESSAGE) is None
    for wrong in (
        b"x",
        b"{}",
        b"\xff",
        b'{"type": "heartbeat"}',
        text.replace(b"0.5", b"7"),
        text.replace(b"3", b"-3"),
    ):
        with pytest.raises(ValueError, match="no "):
            read_beat(wrong)


@pytest.mark.parametrize("read", [read_type, read_beat, read_answer, read_assignment, read_open])
def test_what_is_nested_without_end_is_no_message(read: Callable[[str], object]) -> None:
    deep = "[" * 30_000 + "]" * 30_000
    for text in ('{"type": "heartbeat", "x": ' + deep + "}", '{"x": ' + deep + "}", deep):
        with pytest.raises(ValueError, match="no "):
            read(text)


def test_its_answer_holds_what_is_encoded_already_or_why_there_is_none() -> None:
    answer = read_answer(encode_answer(3, MESSAGE))
    assert (answer.number, answer.told, answer.refused) == (3, TOLD, None)
    message = encode_refusal(4, Problem("draining", "x" * 1000))
    refused = read_answer(message).refused
    assert read_type(message) == ANSWER
    assert refused is not None
    assert (refused.kind, refused.status, len(refused.detail)) == ("draining", 503, 500)
    for wrong in (b"x", b'{"type": "heartbeat-answer"}', MESSAGE, b"\xff"):
        with pytest.raises(ValueError, match="no answer"):
            read_answer(wrong)
