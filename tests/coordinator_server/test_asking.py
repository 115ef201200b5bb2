"""Whoever sits at a terminal is asked before something that cannot be taken back; scripts are not."""

from __future__ import annotations

import argparse
import sys

import pytest

from coordinator_server.asking import agreed, is_asked, make_sure
from node.program.errors import EXIT_FAILED, UserFacingError
from tests.support.terminals import Terminal, sit_down


def test_scripts_and_who_has_said_yes_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    sit_down(monkeypatch, "")
    assert is_asked(argparse.Namespace(yes=False, json=False))
    assert not is_asked(argparse.Namespace(yes=True, json=False))
    assert not is_asked(argparse.Namespace(yes=False, json=True))
    monkeypatch.setattr(sys, "stdin", Terminal("yes\n", person=False))
    assert not is_asked(argparse.Namespace(yes=False, json=False))
    assert not agreed("This replaces all."), "nobody is there"


@pytest.mark.parametrize("typed", ["y\n", "no\n", "\n", ""])
def test_only_yes_is_a_yes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: str) -> None:
    sit_down(monkeypatch, "Yes\n")
    make_sure("Anna\x1b[2J is put out.")
    sit_down(monkeypatch, typed)
    with pytest.raises(UserFacingError, match="Nothing was changed") as caught:
        make_sure("Anna is put out.")
    assert caught.value.exit_code == EXIT_FAILED
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "Anna is put out. Type yes to go on:" in said


def test_nobody_is_asked_who_could_not_read_it_or_has_no_input_at_all(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = argparse.Namespace(yes=False, json=False)
    monkeypatch.setattr(sys, "stdin", Terminal("yes\n"))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False)  # as in `worker revoke ID >log 2>&1`
    assert not is_asked(arguments)
    assert not agreed("This replaces all.")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)  # as in `worker revoke ID | tee log`
    assert agreed("This replaces all.")
    assert "Type yes" in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdin", None)  # as in `worker revoke ID <&-`
    assert not is_asked(arguments)
    assert not agreed("This replaces all.")
