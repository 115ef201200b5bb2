"""Turns text into the words by which documents and questions are compared."""

from __future__ import annotations

import re

WORD = re.compile(r"[^\W_]+")
STOP_WORDS = """
a about after all also am an and any are as at be because been before being but by can could did do does for from
had has have having he her here hers him his how i if in into is it its just me more most my no nor not of on once
only or other our out over own same she should so some such than that the their them then there these they this
those to too under until up very was we were what when where which while who whom why will with would you your
"""
IGNORED = frozenset(STOP_WORDS.split())
MAX_TERM = 64  # characters


def terms_of(text: str) -> list[str]:
    """Return the lower-case words without stop words and single letters, plurals made singular."""
    words = (word[:MAX_TERM] for word in WORD.findall(text.casefold()))
    return [singular(word) for word in words if word not in IGNORED and (len(word) > 1 or word.isdigit())]


def singular(word: str) -> str:
    """Take off a plural s (Harman, "How effective is suffixing?", 1991, table 1)."""
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us")):
        return word
    if word.endswith("ies") and not word.endswith(("eies", "aies")):
        return word[:-3] + "y"
    if word.endswith(("aes", "ees", "oes")):
        return word
    return word[:-1]
