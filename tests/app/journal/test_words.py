"""Every code of the activity log is a whole sentence, also one that is not known yet."""

from __future__ import annotations

import pytest

from app.journal import words
from node.activity.entries import KINDS, TROUBLE, Code, Entry
from tests.support.samples import NOW


def entry(code: str, subject: str = "", detail: str = "") -> Entry:
    return Entry(number=1, at=NOW, code=code, subject=subject, detail=detail)


@pytest.mark.parametrize("code", sorted(KINDS))
@pytest.mark.parametrize("subject", ["", "ner-extraction", "https://mesh.example/x"])
def test_every_code_is_a_sentence_with_a_kind_and_a_mark(code: Code, subject: str) -> None:
    text = words.sentence(entry(code, subject))
    assert text.endswith(".")
    assert "{" not in text
    assert "https" not in text
    assert words.kind_of(entry(code)) in words.choices()
    assert (words.tone_of(entry(code)) == "bad") == (code in TROUBLE)
    assert words.glyph_of(entry(code)) in ("warn", "pause", "good", "quiet")


def test_a_newer_code_is_shown_as_it_is() -> None:
    assert words.sentence(entry("moon-landed", "here")) == "Moon landed: here."
    assert words.kind_of(entry("moon-landed")) == "program"


def test_days_and_lines_to_copy() -> None:
    assert (words.day(NOW, NOW), words.day(NOW - 86400, NOW)) == ("Today", "Yesterday")
    assert "2026" in words.day(NOW - 5 * 86400, NOW)
    line = words.whole(entry("service-failed", "ner", "It ended."))
    assert line.endswith("  ner failed. It ended.")
    assert (words.new_entries(1), words.new_entries(2)) == ("1 new entry", "2 new entries")
