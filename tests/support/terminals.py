"""A person at a terminal, who types what is given."""

from __future__ import annotations

import io
import sys

import pytest


class Terminal(io.StringIO):
    """Standard input with a person at it, or with none."""

    def __init__(self, typed: str, *, person: bool = True) -> None:
        super().__init__(typed)
        self._person = person

    def isatty(self) -> bool:
        return self._person


def sit_down(monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    """Have a person at the terminal who reads what is asked there, and types this."""
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
