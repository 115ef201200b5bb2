"""Small things about the commands for access; test_cli.py runs them against a real coordinator."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from coordinator_server import access_commands
from node.program.errors import EXIT_USAGE, UserFacingError


def test_a_mark_that_is_none_is_said_before_a_file_is_opened(tmp_path: Path) -> None:
    arguments = argparse.Namespace(what="verify", file=tmp_path / "none", expect="12", json=False)
    with pytest.raises(UserFacingError, match="mark cannot be read") as caught:
        access_commands.audit(arguments)
    assert caught.value.exit_code == EXIT_USAGE
