"""What was told is known to the next start; a file that is something else is no harm."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.notifications import Memory
from app.notifications_memory import FILE_NAME, load, save
from tests.support.samples import NOW


def test_what_was_told_is_kept_privately(tmp_path: Path) -> None:
    save(tmp_path, Memory(frozenset({"vpn-no-permission"}), NOW, since={"version": NOW}))
    assert load(tmp_path) == Memory(frozenset({"vpn-no-permission"}), NOW)
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "said",
    [b"", b"no json", b'{"told":5}', b'{"told":["never-heard-of"]}', b'{"told":[' + b'"x",' * 20_000 + b'"y"]}'],
)
def test_a_file_that_is_something_else_means_nothing_was_told(tmp_path: Path, said: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(said)
    assert load(tmp_path) == Memory()


def test_without_a_file_or_a_folder_nothing_was_told(tmp_path: Path) -> None:
    assert load(tmp_path) == Memory()
    save(tmp_path / "gone", Memory(frozenset({"version"}), NOW))
    assert load(tmp_path / "gone") == Memory()
