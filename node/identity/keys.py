"""Finds or makes this machine's Ed25519 key, and never gives one data directory two of them.

The key is made on the device and kept in the first of these places that there is: a file `identity.key` or a
systemd credential that somebody provided; the OS keyring; a new file that only its owner may read. The note
`identity.json` beside it says where it went and which public key it has, so that a locked keyring or a lost file
is an error that a person can mend, and not silently another machine.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.identity import keyring_store
from node.identity.keyring_store import TIME_LIMIT, KeyringUnavailable
from node.identity.membership import has_membership
from node.program.data_dir import write_private_file
from node.program.errors import UserFacingError
from node.wire.encoding import b64decode, b64encode

KEY_FILE = "identity.key"
NOTE_FILE = "identity.json"
SYSTEMD_CREDENTIAL = "rma-mesh-identity"
KEY_BYTES = 32
MAX_FILE_BYTES = 1024

Stored = Literal["keyring", "systemd", "file"]
PLACES: Mapping[Stored, str] = {
    "keyring": "the system's keyring",
    "systemd": f"the systemd credential {SYSTEMD_CREDENTIAL}",
    "file": f"the file {KEY_FILE}",
}
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Identity:
    """This machine's key and the place that keeps it."""

    private_key: Ed25519PrivateKey
    stored: Stored

    @property
    def public_key(self) -> bytes:
        """The raw public key, 32 bytes."""
        return self.private_key.public_key().public_bytes_raw()


class Note(msgspec.Struct, frozen=True):
    """Where the key of this data directory is kept, its public half (base64url), and whether a node made it."""

    stored: Stored
    public_key: str
    made: bool = False  # False: somebody provided it, or a version made it that kept no account of that


async def load_or_create_identity(
    data_dir: Path,
    *,
    use_keyring: bool = True,
    environ: Mapping[str, str] = os.environ,
    time_limit: float = TIME_LIMIT,
) -> Identity:
    """Return the identity of a data directory that we hold; raise UserFacingError where it cannot be had.

    `time_limit` (seconds) bounds each call of the keyring.
    """
    note = await asyncio.to_thread(_read_note, data_dir)
    found, made = await asyncio.to_thread(_read_files, data_dir, environ), False
    if found is None and (use_keyring or (note is not None and note.stored == "keyring")):
        found = await _read_keyring(data_dir, note, time_limit)
    if found is None:
        _refuse_if_lost(data_dir, note)
        found, made = await _create(data_dir, use_keyring, time_limit), True
    _refuse_if_other(data_dir, note, found)
    await asyncio.to_thread(_write_note, data_dir, note, found, made)
    return found


async def delete_identity(data_dir: Path, *, time_limit: float = TIME_LIMIT) -> None:
    """Forget the key, as after leaving a mesh; a systemd credential is not ours to delete."""
    note = await asyncio.to_thread(read_note, data_dir)
    if note is not None and note.stored == "keyring":
        try:
            await keyring_store.delete(entry_name(data_dir), time_limit)
        except KeyringUnavailable as error:
            log.warning("the identity key stays in the keyring, unused: %s", error)
    await asyncio.to_thread(_unlink_files, data_dir)


def entry_name(data_dir: Path) -> str:
    """Name the keyring entry after the data directory, so that two nodes of one user stay two."""
    path = os.path.normcase(data_dir.resolve())
    return "identity-" + hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _read_files(data_dir: Path, environ: Mapping[str, str]) -> Identity | None:
    key_file = data_dir / KEY_FILE
    if os.path.lexists(key_file):
        _make_private(key_file)
        return Identity(_parse(_read_small(key_file), key_file), "file")
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    provided = Path(credentials) / SYSTEMD_CREDENTIAL if credentials else None
    if provided is not None and provided.exists():
        return Identity(_parse(_read_small(provided), provided), "systemd")
    return None


async def _read_keyring(data_dir: Path, note: Note | None, time_limit: float) -> Identity | None:
    entry = entry_name(data_dir)
    try:
        secret = await keyring_store.read(entry, time_limit)
    except KeyringUnavailable as error:
        if note is not None and note.stored == "keyring" and has_membership(data_dir):
            raise UserFacingError(
                "This machine's identity key is in the system's keyring, which cannot be read now.",
                f"{str(error)[:1].upper()}{str(error)[1:]}.",
                "Unlock the keyring (log in to the desktop as the same user), then start again.",
            ) from None
        return None
    return None if secret is None else Identity(_parse(secret, f"keyring entry {entry}"), "keyring")


async def _create(data_dir: Path, use_keyring: bool, time_limit: float) -> Identity:
    """Make a key; it counts from the moment that its place has it, so a crash before leaves nothing to mend."""
    key = Ed25519PrivateKey.generate()
    text = b64encode(key.private_bytes_raw())
    if use_keyring:
        try:
            await keyring_store.write(entry_name(data_dir), text, time_limit)
            return Identity(key, "keyring")
        except KeyringUnavailable as error:
            log.warning("the identity key is kept in a file: %s", error)
    await asyncio.to_thread(write_private_file, data_dir / KEY_FILE, text.encode() + b"\n")
    return Identity(key, "file")


def _make_private(path: Path) -> None:
    """Close a key file that others may read, if it is ours; refuse one that belongs to somebody else."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise _unusable(path, "It is not a plain file.")
    if os.name != "posix":
        return
    if status.st_uid != os.geteuid():
        raise _unusable(path, "It belongs to another user of this machine.")
    if status.st_mode & 0o077:
        path.chmod(0o600)
        log.warning("others could read the identity key %s; now only you can", path)


def _read_small(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES).decode("ascii", "replace")
    except OSError as error:
        raise _unusable(path, f"The system says: {error.strerror or error}.") from None


def _parse(text: str, source: object) -> Ed25519PrivateKey:
    try:
        raw = b64decode(text.strip())
    except ValueError:
        raise _unusable(source, "It is damaged: it does not hold base64url text.") from None
    if len(raw) != KEY_BYTES:
        raise _unusable(source, f"It is damaged: it holds {len(raw)} bytes in place of {KEY_BYTES}.")
    return Ed25519PrivateKey.from_private_bytes(raw)


def _unusable(source: object, reason: str) -> UserFacingError:
    return UserFacingError(
        f"The identity key {source} cannot be used.",
        reason,
        "Put a good copy of it back, or start with an empty data directory and join again with a new invite.",
    )


def _refuse_if_lost(data_dir: Path, note: Note | None) -> None:
    """Refuse to make a new key beside a membership, which it would make worthless; alone it harms nobody."""
    if not has_membership(data_dir):
        return
    place = PLACES[note.stored] if note is not None else "the data directory"
    raise UserFacingError(
        "This machine's identity key is gone.",
        f"It was kept in {place} and is not there any more.",
        f"Put it back, or delete {data_dir} and join again with a new invite.",
    )


def _refuse_if_other(data_dir: Path, note: Note | None, found: Identity) -> None:
    if note is None or note.public_key == b64encode(found.public_key) or not has_membership(data_dir):
        return
    raise UserFacingError(
        "This machine's identity key is not the one that it joined the mesh with.",
        f"The key was found in {PLACES[found.stored]}; the membership in {data_dir} belongs to another one.",
        f"Put the earlier key back, or delete {data_dir} and join again with a new invite.",
    )


def _read_note(data_dir: Path) -> Note | None:
    path = data_dir / NOTE_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Note)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(path, f"The system says: {error.strerror or error}.") from None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise _unusable(path, "The note about the key is damaged.") from None


def read_note(data_dir: Path) -> Note | None:
    """Return what is noted of the key; None where nothing is, or it cannot be read."""
    try:
        return _read_note(data_dir)
    except UserFacingError:
        return None


def _write_note(data_dir: Path, note: Note | None, found: Identity, made: bool) -> None:
    wanted = Note(found.stored, b64encode(found.public_key), made or found.stored == "keyring")
    if note is not None and note.made and note.public_key == wanted.public_key:
        wanted = msgspec.structs.replace(wanted, made=True)
    if note != wanted:
        write_private_file(data_dir / NOTE_FILE, msgspec.json.encode(wanted))


def _unlink_files(data_dir: Path) -> None:
    for name in (KEY_FILE, NOTE_FILE):
        (data_dir / name).unlink(missing_ok=True)
