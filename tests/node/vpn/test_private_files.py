"""Files that Nebula reads with our rights: nobody else can change them, and a full disk takes nothing away."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from node.vpn.private_files import keep, make_private


def test_a_folder_is_ours_alone_whatever_it_was_before(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "vpn"
    make_private(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o777)
    make_private(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_link_and_a_file_are_no_folder_of_ours(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "theirs")
    with pytest.raises(PermissionError, match="not a folder of this user's"):
        make_private(tmp_path / "link")
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        make_private(tmp_path / "file")


def test_a_file_is_private_and_written_only_where_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "node.key"
    keep(path, "one")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("one", 0o600)
    keep(path, "two")
    assert path.read_text() == "two"

    def full(_path: Path, _data: bytes) -> None:
        raise OSError(os.strerror(28))

    monkeypatch.setattr("node.vpn.private_files.write_private_file", full)
    keep(path, "two")
    with pytest.raises(OSError, match="No space left"):
        keep(path, "three")
    assert path.read_text() == "two"
