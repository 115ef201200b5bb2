"""Finds or makes this machine's X25519 key for the overlay: kept where the identity key is, and easier to replace.

The coordinator signs a certificate for its public half. A key that is lost or damaged costs nothing but a renewal,
which the identity key signs; so a new one is made then, and nobody is asked.
"""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from node.identity import keyring_store
from node.identity.keyring_store import TIME_LIMIT, KeyringUnavailable
from node.identity.keys import KEY_BYTES, MAX_FILE_BYTES, entry_name
from node.program.data_dir import write_private_file
from node.wire.encoding import b64decode, b64encode

KEY_FILE = "nebula.key"
log = logging.getLogger(__name__)


async def load_or_create_nebula_key(
    data_dir: Path, *, use_keyring: bool = True, time_limit: float = TIME_LIMIT
) -> X25519PrivateKey:
    """Return the key of a data directory that we hold; `time_limit` (seconds) bounds each call of the keyring."""
    found = await asyncio.to_thread(_read_file, data_dir / KEY_FILE)
    if found is None and use_keyring:
        found = await _read_keyring(data_dir, time_limit)
    return found or await _create(data_dir, use_keyring, time_limit)


async def delete_nebula_key(data_dir: Path, *, use_keyring: bool = True, time_limit: float = TIME_LIMIT) -> None:
    """Forget the key, as after leaving a mesh."""
    await asyncio.to_thread((data_dir / KEY_FILE).unlink, missing_ok=True)
    if use_keyring:
        try:
            await keyring_store.delete(_entry(data_dir), time_limit)
        except KeyringUnavailable as error:
            log.debug("no key of the private network is deleted from the keyring: %s", error)


def _entry(data_dir: Path) -> str:
    return "nebula-" + entry_name(data_dir).removeprefix("identity-")


def _read_file(path: Path) -> X25519PrivateKey | None:
    try:
        status = path.lstat()
        if os.name == "posix" and (status.st_uid != os.geteuid() or status.st_mode & 0o077):
            log.warning("others could read or change %s, so this machine makes a new key", path)
            return None
        with path.open("rb") as file:
            return _parse(file.read(MAX_FILE_BYTES).decode("ascii", "replace"))
    except FileNotFoundError:
        return None
    except OSError as error:
        log.warning("%s cannot be read (%s), so this machine makes a new key", path, error.strerror or error)
        return None


async def _read_keyring(data_dir: Path, time_limit: float) -> X25519PrivateKey | None:
    try:
        secret = await keyring_store.read(_entry(data_dir), time_limit)
    except KeyringUnavailable:
        return None
    return None if secret is None else _parse(secret)


async def _create(data_dir: Path, use_keyring: bool, time_limit: float) -> X25519PrivateKey:
    key = X25519PrivateKey.generate()
    text = b64encode(key.private_bytes_raw())
    if use_keyring:
        try:
            await keyring_store.write(_entry(data_dir), text, time_limit)
            (data_dir / KEY_FILE).unlink(missing_ok=True)  # it could not be used, and would be read first
        except KeyringUnavailable as error:
            log.info("the private network's key is kept in a file: %s", error)
        else:
            return key
    await asyncio.to_thread(write_private_file, data_dir / KEY_FILE, text.encode() + b"\n")
    return key


def _parse(text: str) -> X25519PrivateKey | None:
    try:
        raw = b64decode(text.strip())
    except ValueError:
        raw = b""
    if len(raw) != KEY_BYTES:
        log.warning("the kept key of the private network is damaged, so this machine makes a new one")
        return None
    return X25519PrivateKey.from_private_bytes(raw)
