"""The coordinator's secrets: mesh key, own keys and admin token; made on the first start, never shown."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from coordinator_server.store.interface import ABSENT, Store, Write
from node.program.data_dir import move_file, write_private_file
from node.program.errors import EXIT_USAGE, UserFacingError
from node.wire.encoding import b64decode, b64encode, fingerprint

MESH_KEY_FILE = "mesh.key"
NEXT_KEY_FILE = "mesh-next.key"  # while the mesh key is being rotated
IDENTITY_KEY_FILE = "identity.key"
NEBULA_KEY_FILE = "nebula.key"
ADMIN_TOKEN_FILE = "admin.token"  # noqa: S105 - a file's name
SECRET_FILES = (MESH_KEY_FILE, IDENTITY_KEY_FILE, NEBULA_KEY_FILE, ADMIN_TOKEN_FILE)
ALL_SECRET_FILES = (*SECRET_FILES, NEXT_KEY_FILE)
MESH_ENTRY = "mesh"  # the store's note of the mesh key that its enrolments were made with
ID_PREFIX = "coordinator-"
MIN_ADMIN_TOKEN = 16
Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Secrets:
    """What makes this coordinator the one of its mesh."""

    mesh_key: Ed25519PrivateKey = field(repr=False)
    identity_key: Ed25519PrivateKey = field(repr=False)
    nebula_key: X25519PrivateKey = field(repr=False)  # for the overlay
    admin_token: str = field(repr=False)

    @property
    def coordinator_id(self) -> str:
        """Return the name that this coordinator keeps as long as its identity key."""
        return ID_PREFIX + fingerprint(self.identity_public_key).hex()[:8]

    @property
    def mesh_public_key(self) -> bytes:
        return self.mesh_key.public_key().public_bytes_raw()

    @property
    def identity_public_key(self) -> bytes:
        return self.identity_key.public_key().public_bytes_raw()


class MeshKeySafe(Protocol):
    """Where the private keys of the mesh are: the one that signs, and in a rotation the next one."""

    @property
    def directory(self) -> Path:
        """The data directory, where keys in files are."""
        ...

    @property
    def advice(self) -> str:
        """Say how a key gets here that is missing, in a sentence."""
        ...

    async def read(self) -> Mapping[bytes, Ed25519PrivateKey]:
        """Return the private keys by their public keys."""
        ...

    async def keep_next(self, key: Ed25519PrivateKey, signing: bytes, /) -> Sequence[Write]:
        """Keep a new key before anybody is told of it; return what has to be written together with that."""
        ...

    async def settle(self, public_key: bytes) -> None:
        """Keep the key that signs, and none before it; again does nothing."""
        ...


class MeshKeyFiles:
    """Keeps them in files of the data directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @property
    def directory(self) -> Path:
        return self._directory

    @property
    def advice(self) -> str:
        return (
            f"Copy mesh.key or {NEXT_KEY_FILE} of the coordinator that has it to {self.directory / NEXT_KEY_FILE}, "
            "readable by this program's user only, or restore a backup that was made after the rotation. Where the "
            "others have it sealed in the store, start this one with their --key-passphrase-file, or write it to a "
            "file here with `rma-mesh-coordinator keys unseal`."
        )

    def present(self) -> Sequence[str]:
        """Return the names of the files that are there."""
        return [name for name in (MESH_KEY_FILE, NEXT_KEY_FILE) if (self.directory / name).exists()]

    async def read(self) -> Mapping[bytes, Ed25519PrivateKey]:
        """Return the private keys by their public keys; raise UserFacingError for a damaged file."""
        keys = [self._read(name) for name in self.present()]
        return {key.public_key().public_bytes_raw(): key for key in keys}

    async def keep_next(self, key: Ed25519PrivateKey, _signing: bytes, /) -> Sequence[Write]:
        self.write(NEXT_KEY_FILE, key)
        return ()

    async def settle(self, public_key: bytes) -> None:
        """Put the key that signs into the place of the one before it, which is gone then; again does nothing."""
        path = self.directory / NEXT_KEY_FILE
        if path.exists() and self._read(NEXT_KEY_FILE).public_key().public_bytes_raw() == public_key:
            move_file(path, self.directory / MESH_KEY_FILE)

    def write(self, name: str, key: Ed25519PrivateKey) -> None:
        write_private_file(self.directory / name, b64encode(key.private_bytes_raw()).encode() + b"\n")

    async def remove(self, public_keys: Collection[bytes]) -> Sequence[str]:
        """Remove the files of these keys; return their names."""
        gone = [name for name in self.present() if self._read(name).public_key().public_bytes_raw() in public_keys]
        for name in gone:
            (self.directory / name).unlink(missing_ok=True)
        return gone

    def _read(self, name: str) -> Ed25519PrivateKey:
        return _private_key(self.directory / name, Ed25519PrivateKey.from_private_bytes)


def load_or_make_secrets(
    directory: Path, admin_token: str = "", mesh_key: Ed25519PrivateKey | None = None
) -> Secrets:
    """Read the secrets, or make those that are missing; raise UserFacingError for files that cannot be used.

    With a mesh key that is kept elsewhere there is none in a file.
    """
    if admin_token and len(admin_token) < MIN_ADMIN_TOKEN:
        raise UserFacingError(
            f"The admin token is too short: it needs {MIN_ADMIN_TOKEN} characters or more.",
            exit_code=EXIT_USAGE,
        )
    return Secrets(
        mesh_key=mesh_key or _private_key(directory / MESH_KEY_FILE, Ed25519PrivateKey.from_private_bytes),
        identity_key=_private_key(directory / IDENTITY_KEY_FILE, Ed25519PrivateKey.from_private_bytes),
        nebula_key=_private_key(directory / NEBULA_KEY_FILE, X25519PrivateKey.from_private_bytes),
        admin_token=admin_token or _read_or_make(directory / ADMIN_TOKEN_FILE),
    )


async def check_mesh(store: Store, found: Secrets, directory: Path) -> None:
    """Refuse a database whose enrolments were made with another mesh key, as when the key's file was lost."""
    if await store.compare_and_set(MESH_ENTRY, ABSENT, found.mesh_public_key):
        return
    note = await store.get(MESH_ENTRY)
    if note is None or note.value != found.mesh_public_key:
        raise UserFacingError(
            f"The mesh key in {directory / MESH_KEY_FILE} is not the one that this store was made with.",
            "With another key every enrolled worker would be shut out.",
            "Bring the right key file here, or restore a backup with `rma-mesh-coordinator restore FILE`. Where "
            "others have the key sealed in the store, start this one with their --key-passphrase-file.",
        )


def _private_key(path: Path, read: Callable[[bytes], Key]) -> Key:
    text = _read_or_make(path)
    try:
        return read(b64decode(text))
    except ValueError:
        raise UserFacingError(
            f"The key file {path} is damaged.",
            "It does not hold a key of 32 bytes.",
            "Bring it back from a backup with `rma-mesh-coordinator restore FILE`.",
        ) from None


def _read_or_make(path: Path) -> str:
    try:
        if path.exists():
            return path.read_text("ascii").strip()
        text = b64encode(secrets.token_bytes(32))
        write_private_file(path, text.encode() + b"\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserFacingError(f"The file {path} cannot be used.", f"The system says: {reason}.") from None
    return text
