"""Small things about commands that a process test cannot see; the commands themselves are in test_cli."""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

from coordinator_server import commands
from coordinator_server.keys import MESH_KEY_FILE
from node.program.errors import EXIT_USAGE, UserFacingError


@pytest.mark.parametrize(
    "typed", ["plain-id", "../keys", "a/b", "a b", "?x=1", "#", ".", "..", "", "%2e%2e", "日本"]
)
def test_whatever_is_typed_as_an_id_stays_one_part_of_the_path(typed: str) -> None:
    part = commands._part(typed)
    assert not set(part) & set("/?#")
    assert part not in (".", "..")
    assert unquote(part).strip() == typed.strip()


class Terminal(io.StringIO):
    """Standard input with a person at it."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("typed", "goes_on"), [("yes\n", True), ("YES\n", True), ("y\n", False), ("", False)])
def test_a_person_is_asked_before_data_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, goes_on: bool
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    (tmp_path / "not.tar").write_text("hello")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / MESH_KEY_FILE).write_text("somebody's")
    arguments = argparse.Namespace(
        file=tmp_path / "not.tar", data_dir=str(tmp_path / "d"), yes=False, json=False, config=None, log_format=None
    )
    with pytest.raises(UserFacingError) as caught:
        commands.restore(arguments)
    assert ("not a backup" in str(caught.value)) is goes_on
    assert (caught.value.exit_code == EXIT_USAGE) is not goes_on
