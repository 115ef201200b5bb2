"""A node knows its own services by their tokens."""

from __future__ import annotations

import pytest

from node.services.local_tokens import LocalTokens

TOKENS = LocalTokens()


def test_a_token_names_the_service_it_was_made_for() -> None:
    assert TOKENS.service_of(TOKENS.of("notes-coa")) == "notes-coa"


@pytest.mark.parametrize(
    "forged",
    ["", ".", "notes-coa", "notes-coa.", "notes-coa.00", TOKENS.of("ner").replace("ner", "notes-coa"), "é.é",
     LocalTokens().of("notes-coa"), TOKENS.of("notes-coa") + " ", "x" * 10_000],
    ids=range(10),
)  # fmt: skip
def test_nothing_else_does(forged: str) -> None:
    assert TOKENS.service_of(forged) is None
