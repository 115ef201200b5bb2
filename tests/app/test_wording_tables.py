"""The tables keep English and say it in the reader's language."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app import translations, wording_tables
from app.application import Application
from app.wording_tables import REASONS, Words, said


@pytest.fixture
def german(qapp: Application) -> Iterator[None]:
    translations.install(qapp, "de")
    yield
    translations.install(qapp, "en")


def test_words_are_translated_when_they_are_read(german: None) -> None:
    assert REASONS["paused-by-you"].english_label == "Paused by you"
    assert REASONS["paused-by-you"].label == "Von Ihnen pausiert"
    assert REASONS["paused-by-you"].meaning == "Nichts läuft, bis Sie fortsetzen."
    assert said("Relayed") == "Vermittelt"


def test_all_tables_have_german_words(german: None) -> None:
    words = [
        one
        for table in (REASONS, wording_tables.VPN_STATES, wording_tables.SERVICE_STATES, wording_tables.ROUTES)
        for one in table.values()
    ]
    assert all(isinstance(one, Words) for one in words)
    same = {"Tunnel"}
    for one in words:
        assert one.label != one.english_label or one.label in same
        assert one.meaning != one.english_meaning, one.english_meaning


def test_english_is_what_stands_in_the_tables() -> None:
    assert all(one.label == one.english_label for one in REASONS.values())
