"""A path that others read does not tell the account's name."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from node.program.nameless_path import nameless

HOME = PurePosixPath("/home/mary.miller")


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/home/mary.miller/.local/share/rma-mesh/service.log", "~/.local/share/rma-mesh/service.log"),
        ("/home/mary.miller", "~"),
        ("/home/mary.miller2/service.log", "/home/mary.miller2/service.log"),
        ("/var/lib/rma-mesh/service.log", "/var/lib/rma-mesh/service.log"),
    ],
)
def test_the_home_directory_has_no_name(path: str, told: str) -> None:
    assert nameless(PurePosixPath(path), HOME, "linux") == told


def test_windows_has_a_word_of_its_own_for_it() -> None:
    assert nameless(HOME / "service.log", HOME, "win32").startswith("%USERPROFILE%")


def test_the_home_is_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert str(tmp_path) not in nameless(tmp_path / "service.log")
