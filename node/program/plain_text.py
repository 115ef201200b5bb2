"""Text of others as a terminal or a log may show it: it moves no cursor, and begins no line of its own. Pure."""

from __future__ import annotations


def plain(text: str) -> str:
    """Return a text without control characters, line ends and what turns the direction of writing."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
