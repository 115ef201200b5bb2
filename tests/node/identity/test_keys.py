from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring

from node.identity import keyring_store
from node.identity.keys import (
    KEY_FILE,
    NOTE_FILE,
    SYSTEMD_CREDENTIAL,
    Identity,
    delete_identity,
    entry_name,
    load_or_create_identity,
)
from node.program.errors import UserFacingError
from node.wire.encoding import b64encode
from tests.support.keyrings import ForgetfulKeyring, HangingKeyring, LockedKeyring, MemoryKeyring

Install = Callable[[KeyringBackend], None]
posix = pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")


async def load(data_dir: Path, use_keyring: bool = True, **environ: str) -> Identity:
    return await load_or_create_identity(data_dir, use_keyring=use_keyring, environ=environ, time_limit=60)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def join_a_mesh(data_dir: Path) -> None:
    (data_dir / "membership.json").write_text("{}")


def test_an_identity_gives_its_raw_public_key() -> None:
    key = Ed25519PrivateKey.generate()
    assert Identity(key, "file").public_key == key.public_key().public_bytes_raw()


async def test_the_keyring_keeps_the_key_and_no_file_has_it(data_dir: Path, install: Install) -> None:
    backend = MemoryKeyring()
    install(backend)
    first = await load(data_dir)
    again = await load(data_dir)
    assert first.stored == again.stored == "keyring"
    assert first.public_key == again.public_key
    secret = b64encode(first.private_key.private_bytes_raw())
    assert list(backend.entries.values()) == [secret]
    assert names(data_dir) == [NOTE_FILE]
    assert secret not in (data_dir / NOTE_FILE).read_text()


async def test_two_data_directories_of_one_user_are_two_machines(
    data_dir: Path, tmp_path: Path, install: Install
) -> None:
    install(MemoryKeyring())
    other = tmp_path / "other"
    other.mkdir()
    assert (await load(data_dir)).public_key != (await load(other)).public_key


def test_the_entry_is_named_after_the_real_path(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(data_dir.parent)
    assert entry_name(Path(data_dir.name)) == entry_name(data_dir / ".." / data_dir.name) == entry_name(data_dir)


@pytest.mark.parametrize("backend", [NoKeyring, LockedKeyring, ForgetfulKeyring])
async def test_without_a_keyring_that_serves_a_private_file_keeps_the_key(
    data_dir: Path, install: Install, backend: type[KeyringBackend]
) -> None:
    install(backend())
    first = await load(data_dir)
    assert first.stored == "file"
    if os.name == "posix":
        assert (data_dir / KEY_FILE).stat().st_mode & 0o777 == 0o600
    install(MemoryKeyring())
    again = await load(data_dir)
    assert (again.stored, again.public_key) == ("file", first.public_key)


async def test_a_hanging_keyring_costs_its_time_limit_only(data_dir: Path, install: Install) -> None:
    install(HangingKeyring())
    identity = await load_or_create_identity(data_dir, environ={}, time_limit=0.2)
    assert identity.stored == "file"


async def test_with_the_keyring_switched_off_it_is_not_asked(data_dir: Path, install: Install) -> None:
    backend = MemoryKeyring()
    install(backend)
    assert (await load(data_dir, use_keyring=False)).stored == "file"
    assert backend.entries == {}


async def test_a_key_that_is_in_the_keyring_stays_there_when_the_setting_changes(
    data_dir: Path, install: Install
) -> None:
    install(MemoryKeyring())
    first = await load(data_dir)
    again = await load(data_dir, use_keyring=False)
    assert (again.stored, again.public_key) == ("keyring", first.public_key)


async def test_a_systemd_credential_is_used_and_never_copied(
    data_dir: Path, tmp_path: Path, install: Install
) -> None:
    install(MemoryKeyring())
    key = Ed25519PrivateKey.generate()
    (tmp_path / SYSTEMD_CREDENTIAL).write_text(b64encode(key.private_bytes_raw()) + "\n")
    identity = await load(data_dir, CREDENTIALS_DIRECTORY=str(tmp_path))
    assert identity.stored == "systemd"
    assert identity.public_key == key.public_key().public_bytes_raw()
    assert not (data_dir / KEY_FILE).exists()


async def test_a_credentials_directory_without_ours_is_no_hindrance(data_dir: Path, tmp_path: Path) -> None:
    identity = await load(data_dir, use_keyring=False, CREDENTIALS_DIRECTORY=str(tmp_path))
    assert identity.stored == "file"


@pytest.mark.parametrize("damage", ["", "short", "A" * 44, "not base64 at all!", "A" * 2000, "\x00" * 32])
async def test_a_damaged_key_file_is_refused_and_kept(data_dir: Path, damage: str) -> None:
    path = data_dir / KEY_FILE
    path.write_text(damage)
    path.chmod(0o600)
    with pytest.raises(UserFacingError, match="cannot be used") as caught:
        await load(data_dir, use_keyring=False)
    assert str(path) in caught.value.title
    assert path.read_text() == damage


@posix
async def test_a_key_file_that_others_can_read_is_closed_and_said(
    data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = await load(data_dir, use_keyring=False)
    (data_dir / KEY_FILE).chmod(0o644)
    again = await load(data_dir, use_keyring=False)
    assert again.public_key == first.public_key
    assert (data_dir / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert "others could read" in caplog.text


@posix
async def test_a_key_file_of_another_user_is_refused(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await load(data_dir, use_keyring=False)
    us = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: us + 1)
    with pytest.raises(UserFacingError, match="belongs to another user"):
        await load(data_dir, use_keyring=False)


async def test_something_else_in_the_key_files_place_is_refused(data_dir: Path) -> None:
    (data_dir / KEY_FILE).mkdir()
    with pytest.raises(UserFacingError, match="not a plain file"):
        await load(data_dir, use_keyring=False)


async def test_a_member_with_a_locked_keyring_is_told_and_gets_no_new_key(data_dir: Path, install: Install) -> None:
    working = MemoryKeyring()
    install(working)
    first = await load(data_dir)
    join_a_mesh(data_dir)
    install(LockedKeyring())
    with pytest.raises(UserFacingError, match="Unlock the keyring"):
        await load(data_dir)
    assert not (data_dir / KEY_FILE).exists()
    install(working)
    assert (await load(data_dir)).public_key == first.public_key


@pytest.mark.parametrize("with_note", [True, False])
async def test_a_member_whose_key_is_gone_is_told_and_gets_no_new_key(data_dir: Path, with_note: bool) -> None:
    await load(data_dir, use_keyring=False)
    join_a_mesh(data_dir)
    (data_dir / KEY_FILE).unlink()
    if not with_note:
        (data_dir / NOTE_FILE).unlink()
    with pytest.raises(UserFacingError, match="identity key is gone"):
        await load(data_dir, use_keyring=False)
    assert not (data_dir / KEY_FILE).exists()


async def test_a_member_with_another_key_is_told(data_dir: Path) -> None:
    await load(data_dir, use_keyring=False)
    join_a_mesh(data_dir)
    other = b64encode(Ed25519PrivateKey.generate().private_bytes_raw())
    (data_dir / KEY_FILE).write_text(other)
    with pytest.raises(UserFacingError, match="not the one that it joined"):
        await load(data_dir, use_keyring=False)


async def test_before_joining_a_lost_key_is_simply_made_anew(data_dir: Path) -> None:
    first = await load(data_dir, use_keyring=False)
    (data_dir / KEY_FILE).unlink()
    second = await load(data_dir, use_keyring=False)
    assert second.public_key != first.public_key
    assert (await load(data_dir, use_keyring=False)).public_key == second.public_key


async def test_after_a_crash_between_storing_and_noting_it_is_the_same_key(
    data_dir: Path, install: Install
) -> None:
    install(MemoryKeyring())
    first = await load(data_dir)
    (data_dir / NOTE_FILE).unlink()
    again = await load(data_dir)
    assert (again.stored, again.public_key) == ("keyring", first.public_key)
    assert (data_dir / NOTE_FILE).exists()


@pytest.mark.parametrize("damage", [b"{", b'{"stored":"cloud","public_key":"x"}', b"\xff"])
async def test_a_damaged_note_is_refused(data_dir: Path, damage: bytes) -> None:
    (data_dir / NOTE_FILE).write_bytes(damage)
    with pytest.raises(UserFacingError, match="note about the key is damaged"):
        await load(data_dir, use_keyring=False)


@pytest.mark.parametrize("use_keyring", [True, False])
async def test_leaving_forgets_the_key_everywhere(data_dir: Path, install: Install, use_keyring: bool) -> None:
    backend = MemoryKeyring()
    install(backend)
    first = await load(data_dir, use_keyring=use_keyring)
    await delete_identity(data_dir)
    await delete_identity(data_dir)
    assert backend.entries == {}
    assert names(data_dir) == []
    assert (await load(data_dir, use_keyring=use_keyring)).public_key != first.public_key


async def test_leaving_works_with_a_locked_keyring_and_a_damaged_note(
    data_dir: Path, install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    install(MemoryKeyring())
    await load(data_dir)
    install(LockedKeyring())
    await delete_identity(data_dir)
    assert "stays in the keyring" in caplog.text
    (data_dir / NOTE_FILE).write_bytes(b"{")
    await delete_identity(data_dir)
    assert names(data_dir) == []


async def test_the_entry_lives_under_our_name(data_dir: Path, install: Install) -> None:
    backend = MemoryKeyring()
    install(backend)
    await load(data_dir)
    assert list(backend.entries) == [(keyring_store.SERVICE, entry_name(data_dir))]
