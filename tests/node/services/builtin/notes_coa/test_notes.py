"""Notes are cut into statements, and each is about something."""

import time

import pytest

from node.services.builtin.notes_coa.notes import Topic, heading_of, statements, topic_of


@pytest.mark.parametrize(
    ("line", "topic", "rest"),
    [
        ("Debts:", "debts", ""),
        ("## Monthly income", "income", ""),
        ("**Outgoings:** rent £600", "expenditure", "rent £600"),
        ("NEXT STEPS", "actions", ""),
        ("Adviser: Sam", "client", "Sam"),
    ],
)
def test_headings(line: str, topic: Topic, rest: str) -> None:
    found = heading_of(line)
    assert found is not None and found[0] == topic
    assert line[found[2] :] == rest


@pytest.mark.parametrize("line", ["Debts are a worry to him", "Barclays: £500", "", "- rent £600", "Rent:"])
def test_no_headings(line: str) -> None:
    assert heading_of(line) is None


def test_items_below_a_heading_are_whole_and_placed() -> None:
    notes = "Debts:\n- Barclays. Card £500\n* Lloyds £200\n\nAdvice\nApply for a DRO. Keep paying rent."
    said = statements(notes, [])
    assert [(one.topic, one.text) for one in said] == [
        ("debts", "Barclays. Card £500"),
        ("debts", "Lloyds £200"),
        ("advice", "Apply for a DRO."),
        ("advice", "Keep paying rent."),
    ]
    assert all(notes[one.start : one.end] == one.text for one in said)


def test_a_client_heading_is_for_its_line_only() -> None:
    said = statements("Client: Mr Khan\nLives alone.", [])
    assert [(one.topic, one.text) for one in said] == [("client", "Mr Khan"), ("situation", "Lives alone.")]


def test_titles_and_initials_end_no_sentence() -> None:
    assert [one.text for one in statements("Saw Mr. Khan and J. Smith. They left.", [])] == [
        "Saw Mr. Khan and J. Smith.",
        "They left.",
    ]


@pytest.mark.parametrize(
    ("text", "has_money", "topic"),
    [
        ("He owes Barclays £500", True, "debts"),
        ("He owes a lot", False, "situation"),
        ("Wages £900 a month", True, "income"),
        ("Rent £600", True, "expenditure"),
        ("Rent arrears £600", True, "debts"),
        ("Discussed a DRO", False, "options"),
        ("Advised him to apply for a DRO", False, "advice"),
        ("Client will send payslips", False, "actions"),
        ("Lives alone", False, "situation"),
    ],
)
def test_sentences_are_sorted_by_their_words(text: str, has_money: bool, topic: Topic) -> None:
    assert topic_of(text, has_money=has_money) == topic


@pytest.mark.parametrize("piece", ["- ", "# ", "a. A", " ", "\n", "**", "Debts:\n- £5\n"])
def test_hostile_notes_take_linear_time(piece: str) -> None:
    began = time.process_time()
    statements(piece * (200_000 // len(piece)), [])
    assert time.process_time() - began < 5
