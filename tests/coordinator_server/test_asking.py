"""Whoever sits at a terminal is asked before something that cannot be taken back; scripts are not."""

from __future__ import annotations

import argparse
import sys

import pytest

from coordinator_server.asking import agreed, is_asked, make_sure
from node.program.errors import EXIT_FAILED, UserFacingError
from tests.support.terminals import Terminal


def test_scripts_and_who_has_said_yes_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(""))
    assert is_asked(argparse.Namespace(yes=False, json=False))
    assert not is_asked(argparse.Namespace(yes=True, json=False))
    assert not is_asked(argparse.Namespace(yes=False, json=True))
    monkeypatch.setattr(sys, "stdin", Terminal("yes\n", person=False))
    assert not is_asked(argparse.Namespace(yes=False, json=False))
    assert not agreed("This replaces all."), "nobody is there"


@pytest.mark.parametrize("typed", ["y\n", "no\n", "\n", ""])
def test_only_yes_is_a_yes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: str) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("Yes\n"))
    make_sure("Anna\x1b[2J is put out.")
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    with pytest.raises(UserFacingError, match="Nothing was changed") as caught:
        make_sure("Anna is put out.")
    assert caught.value.exit_code == EXIT_FAILED
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "Anna is put out. Type yes to go on:" in said
