"""Debt options in plain words, for England and Wales; the words are in a resource that a charity can edit."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

import msgspec

RESOURCE = ("services", "notes-coa", "options.toml")


class Option(msgspec.Struct, frozen=True):
    """An option's name and what it means for the client."""

    name: str
    explanation: str


class Known(msgspec.Struct, frozen=True):
    """An option as the resource has it: `words` is a regular expression that finds it in notes."""

    name: str
    words: str
    explanation: str


def options_in(texts: Iterable[str]) -> tuple[Option, ...]:
    """Return the options that the texts name, in the order of our list."""
    joined = "\n".join(texts)
    return tuple(
        Option(known.name, " ".join(known.explanation.split()))
        for known in known_options()
        if re.search(rf"\b(?:{known.words})\b", joined, re.IGNORECASE)
    )


@cache
def known_options() -> tuple[Known, ...]:
    text = files("resources").joinpath(*RESOURCE).read_text("utf-8")
    return msgspec.convert(tomllib.loads(text)["option"], tuple[Known, ...])
