"""Texts become the words by which they are compared."""

import pytest

from node.services.builtin.rag_embeddings.terms import singular, terms_of


def test_stop_words_letters_and_marks_go() -> None:
    assert terms_of("What is the client's Debt-Relief ORDER, £75 or 5?") == [
        "client",
        "debt",
        "relief",
        "order",
        "75",
        "5",
    ]


def test_no_words_is_no_terms() -> None:
    assert terms_of("the of ... !") == []


@pytest.mark.parametrize(
    ("plural", "one"),
    [
        ("payments", "payment"),
        ("agencies", "agency"),
        ("arrears", "arrear"),
        ("loss", "loss"),
        ("status", "status"),
        ("gas", "gas"),
    ],
)
def test_plurals_are_made_singular(plural: str, one: str) -> None:
    assert singular(plural) == one
