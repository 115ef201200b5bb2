"""All rules together, on a real letter and on hostile text."""

import time

import pytest

from node.services.builtin.ner_extraction.extract import extract
from tests.support.builtin_services import DEMO

MEGABYTE = 1_000_000
HOSTILE = [
    "a", "1", " ", "\n", "1 ", "£", "0(", "(0 ", "+", "a@", "a.", "a@a.", "1,", "1,111", "12-", "0-", "Mr ", "A'",
    "account number ", "ref 12 ", "Client: A\n", "12 March ", "AB 12 ", "£1k ",
]  # fmt: skip


def test_finds_everything_in_the_demonstration_note() -> None:
    note = (DEMO / "note.txt").read_text("utf-8")
    result = extract(note)
    values = {(one.type, one.value) for one in result.entities}
    assert {
        ("person", "Jane O'Neill-Hart"),
        ("date", "2025-03-12"),
        ("reference", "HS-2025-0417"),
        ("postcode", "LS1 4AP"),
        ("phone", "+441134960112"),
        ("email", "jane.oneill@example.org"),
        ("ni_number", "QQ123456C"),
        ("money", "4310.77"),
        ("reference", "NM/22-1187"),
    } <= values
    assert result.counts["money"] == 15
    assert result.text_length == len(note)
    assert all(note[one.start : one.end] == one.text for one in result.entities)


def test_positions_count_characters_and_entities_do_not_overlap() -> None:
    result = extract("😀 £5 and 😀 jo@example.org, a/c 0113 496 0112")
    assert [(one.type, one.start) for one in result.entities] == [("money", 2), ("email", 11), ("reference", 31)]


def test_wanted_types_only() -> None:
    assert extract("£5 to Mr Smith", frozenset({"person"})).counts == {"person": 1}


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_text_takes_linear_time(piece: str) -> None:
    def seconds(length: int) -> float:
        text = piece * (length // len(piece))
        began = time.process_time()
        extract(text)
        return time.process_time() - began

    def grows_slowly() -> bool:
        small = max(seconds(MEGABYTE // 20), 0.005)
        return seconds(MEGABYTE // 4) < small * 5 * 4  # a quadratic rule would take 25 times as long

    assert any(grows_slowly() for _ in range(5)), "a busy machine may disturb one measurement, not five"
