"""The overlay's key is kept where the identity key is; a lost one is replaced without asking anybody."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring

from node.identity.keys import load_or_create_identity
from node.identity.nebula_key import KEY_FILE, delete_nebula_key, load_or_create_nebula_key
from tests.support.keyrings import LockedKeyring, MemoryKeyring

Install = Callable[[KeyringBackend], None]
posix = pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")


async def load(data_dir: Path, use_keyring: bool = True) -> bytes:
    key = await load_or_create_nebula_key(data_dir, use_keyring=use_keyring, time_limit=60)
    return key.private_bytes_raw()


async def test_the_keyring_keeps_it_beside_the_identity_key(data_dir: Path, install: Install) -> None:
    backend = MemoryKeyring()
    install(backend)
    first = await load(data_dir)
    assert await load(data_dir) == first
    assert not (data_dir / KEY_FILE).exists()
    identity = await load_or_create_identity(data_dir, environ={}, time_limit=60)
    assert len(backend.entries) == 2, "each has an entry of its own"
    assert identity.private_key.private_bytes_raw() != first
    await delete_nebula_key(data_dir, time_limit=60)
    assert len(backend.entries) == 1
    assert await load(data_dir) != first


@pytest.mark.parametrize("backend", [NoKeyring, LockedKeyring])
async def test_without_a_keyring_a_private_file_keeps_it(
    data_dir: Path, install: Install, backend: Callable[[], KeyringBackend]
) -> None:
    install(backend())
    first = await load(data_dir)
    assert await load(data_dir) == first
    if os.name == "posix":
        assert stat.S_IMODE((data_dir / KEY_FILE).stat().st_mode) == 0o600
    await delete_nebula_key(data_dir, time_limit=60)
    assert not (data_dir / KEY_FILE).exists()
    await delete_nebula_key(data_dir, time_limit=60)


@pytest.mark.parametrize("damage", [b"", b"no key", b"A" * 42, b"\xff" * 43])
async def test_a_damaged_key_is_replaced(data_dir: Path, damage: bytes) -> None:
    first = await load(data_dir, use_keyring=False)
    (data_dir / KEY_FILE).write_bytes(damage)
    second = await load(data_dir, use_keyring=False)
    assert second != first
    assert await load(data_dir, use_keyring=False) == second


async def test_a_damaged_file_does_not_hide_the_key_in_the_keyring(data_dir: Path, install: Install) -> None:
    install(MemoryKeyring())
    first = await load(data_dir)
    (data_dir / KEY_FILE).write_bytes(b"no key")
    (data_dir / KEY_FILE).chmod(0o600)
    assert await load(data_dir) == first


@posix
async def test_a_key_that_others_could_read_is_not_used(data_dir: Path) -> None:
    first = await load(data_dir, use_keyring=False)
    (data_dir / KEY_FILE).chmod(0o644)
    second = await load(data_dir, use_keyring=False)
    assert second != first
    assert stat.S_IMODE((data_dir / KEY_FILE).stat().st_mode) == 0o600
