"""The rules on disk: private, whole, and what cannot be read is told and never thrown away."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from node.rules.kept import MAX_BYTES, RulesFile, RulesUnreadable
from node.rules.settings import Rules

OTHER = Rules(on_battery=False, exclusive_programs=("game",))


def test_they_outlive_the_program_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    file = RulesFile(tmp_path)
    assert file.load() == Rules(), "nothing was saved yet"
    file.save(OTHER)
    assert RulesFile(tmp_path).load() == OTHER
    assert [one.name for one in tmp_path.iterdir()] == ["rules.json"]
    if os.name == "posix":
        assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"[" * 100_000,
        b'{"rules": {}}',
        b'{"version": 2, "rules": {}}',
        b'{"version": 1}',
        b'{"version": 1, "rules": {"gpu_max_celsius": 20}}',
        b" " * (MAX_BYTES + 1),
    ],
)
def test_what_cannot_be_read_is_told_and_kept_when_others_are_saved(tmp_path: Path, content: bytes) -> None:
    file = RulesFile(tmp_path)
    for _ in range(2):
        file.path.write_bytes(content)
        with pytest.raises(RulesUnreadable) as caught:
            file.load()
        assert str(file.path) in str(caught.value)
        assert file.path.read_bytes() == content, "reading changes nothing"
        file.save(OTHER)
        assert file.load() == OTHER
    kept = sorted(one.name for one in tmp_path.iterdir())
    assert kept == ["rules.json", "rules.unreadable-1", "rules.unreadable-2"]
    assert (tmp_path / "rules.unreadable-1").read_bytes() == content


def test_a_folder_in_its_place_is_no_file_of_rules(tmp_path: Path) -> None:
    file = RulesFile(tmp_path)
    file.path.mkdir()
    (file.path / "a").write_bytes(b"b")
    with pytest.raises(RulesUnreadable):
        file.load()
    file.save(OTHER)
    assert file.load() == OTHER
    assert (tmp_path / "rules.unreadable-1" / "a").read_bytes() == b"b"


def test_what_cannot_be_saved_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = RulesFile(tmp_path)
    file.save(OTHER)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        file.save(Rules())
    assert file.load() == OTHER
    assert [one.name for one in tmp_path.iterdir()] == ["rules.json"]
