"""Small things about the commands for access; test_cli.py runs them against a real coordinator."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from coordinator_server import access_commands
from coordinator_server.seals import verifying
from coordinator_server.seals.checking import Finding
from node.program.errors import EXIT_FAILED, EXIT_USAGE, UserFacingError


def test_a_mark_that_is_none_is_said_before_anything_is_opened_or_asked(tmp_path: Path) -> None:
    for file in (tmp_path / "none", None):
        arguments = argparse.Namespace(what="verify", file=file, expect="12", json=False)
        with pytest.raises(UserFacingError, match="mark cannot be read") as caught:
            access_commands.audit(arguments)
        assert caught.value.exit_code == EXIT_USAGE


def test_of_a_file_it_is_told_whose_seals_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def whole(_file: Path, _expected: object) -> Finding:
        return Finding(holds=True, lines=1, sealed=1, unsealed=0, seals=1, mark="1:ab", text="All.", mesh="c0ffee")

    monkeypatch.setattr(verifying, "verify_backup", whole)
    arguments = argparse.Namespace(what="verify", file=tmp_path / "b.tar", expect="", json=False)
    assert access_commands.audit(arguments) == 0
    said = capsys.readouterr().out
    assert "Mesh:  c0ffee" in said
    assert "Mark:  1:ab" in said


def test_a_log_that_does_not_hold_comes_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def broken(_file: Path, _expected: object) -> Finding:
        return Finding(holds=False, lines=1, sealed=1, unsealed=0, seals=1, mark="1:ab", text="Line 2 is missing.")

    monkeypatch.setattr(verifying, "verify_backup", broken)
    arguments = argparse.Namespace(what="verify", file=tmp_path / "b.tar", expect="", json=False)
    assert access_commands.audit(arguments) == EXIT_FAILED
    said = capsys.readouterr().out
    assert said.startswith("FAIL  Line 2 is missing.\n")
    assert "audit verify --file BACKUP" in said
    assert "Mark:" not in said
