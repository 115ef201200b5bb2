"""Secrets that others can read are closed to them, and what belongs to somebody else is left alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from coordinator_server.config import CoordinatorConfig
from coordinator_server.operation.secrecy import check_heir, check_owner, close_to_others, given_files

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has other rights")


def secret(folder: Path, name: str, mode: int) -> Path:
    path = folder / name
    path.write_text("secret")
    path.chmod(mode)
    return path


def test_what_others_could_read_is_closed_and_told_once(tmp_path: Path) -> None:
    opened = [secret(tmp_path, "mesh.key", 0o644), secret(tmp_path, "coordinator.db", 0o640)]
    secret(tmp_path, "admin.token", 0o600)
    secret(tmp_path, "notes.txt", 0o644)
    found = close_to_others(tmp_path)
    assert sorted(one.text.partition(" ")[0] for one in found) == sorted(map(str, opened))
    assert not any(one.fatal for one in found)
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in opened)
    assert stat.S_IMODE((tmp_path / "notes.txt").stat().st_mode) == 0o644
    assert close_to_others(tmp_path) == []


def test_what_cannot_be_closed_is_fatal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret(tmp_path, "mesh.key", 0o644)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refuse)
    (found,) = close_to_others(tmp_path)
    assert found.fatal
    assert "chmod 600" in found.hint


def test_files_of_another_user_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret(tmp_path, "mesh.key", 0o600)
    assert check_owner(tmp_path) is None
    assert check_owner(tmp_path / "nowhere") is None
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 54321)
    found = check_owner(tmp_path)
    assert found is not None
    assert found.fatal
    assert f"user {os.getuid() + 54321}" in found.text
    assert "sudo -u" in found.hint


def test_root_puts_nothing_into_an_empty_directory_of_somebody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert check_heir(tmp_path / "nowhere") is None
    monkeypatch.setattr(Path, "stat", lambda *_, **__: os.stat_result((stat.S_IFDIR, 0, 0, 0, 54321, *[0] * 5)))
    found = check_heir(tmp_path)
    assert found is not None
    assert found.fatal
    assert "belongs to user 54321" in found.text
    assert "sudo -u" in found.hint
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    assert check_heir(tmp_path) is None


def test_secrets_that_settings_name_are_looked_at_and_left_as_they_are(tmp_path: Path) -> None:
    for_all, for_a_group = secret(tmp_path, "tls.key", 0o644), secret(tmp_path, "passphrase", 0o640)
    config = CoordinatorConfig(tls_cert="cert.pem", tls_key=str(for_all), key_passphrase_file=str(for_a_group))
    (found,) = given_files(config)
    assert "--tls-key" in found.text
    assert not found.fatal
    assert stat.S_IMODE(for_all.stat().st_mode) == 0o644
