"""What others wrote does nothing to a terminal or a log."""

from __future__ import annotations

import pytest

from node.program.plain_text import plain


@pytest.mark.parametrize(
    "text", ["a\x1b[2Jb", "a\nERROR b", "a\rb", "a\x9b31mb", "a\u202eb", "a\u2028b", "a\x00b", "a\x08b", "a\ud800b"]
)
def test_what_moves_a_cursor_or_begins_a_line_is_gone(text: str) -> None:
    assert plain(text).isprintable()
    assert (plain(text)[0], plain(text)[-1]) == ("a", "b")


def test_all_that_can_be_read_stays() -> None:
    text = "Größe: 5 µs, 語 🙂"
    assert plain(text) == text
