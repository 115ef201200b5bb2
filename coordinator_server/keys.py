"""The coordinator's secrets: mesh key, own keys and admin token; made on the first start, never shown."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from coordinator_server.store.interface import Store
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


class MeshKeyFiles:
    """The private keys of the mesh in the data directory: the one that signs, and in a rotation the next one."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def read(self) -> Mapping[bytes, Ed25519PrivateKey]:
        """Return the private keys by their public keys; raise UserFacingError for a damaged file."""
        paths = [self.directory / name for name in (MESH_KEY_FILE, NEXT_KEY_FILE)]
        keys = [_private_key(path, Ed25519PrivateKey.from_private_bytes) for path in paths if path.exists()]
        return {key.public_key().public_bytes_raw(): key for key in keys}

    def write_next(self, key: Ed25519PrivateKey) -> None:
        write_private_file(self.directory / NEXT_KEY_FILE, b64encode(key.private_bytes_raw()).encode() + b"\n")

    def settle(self, public_key: bytes) -> None:
        """Put the key that signs into the place of the one before it, which is gone then; again does nothing."""
        path = self.directory / NEXT_KEY_FILE
        if (
            path.exists()
            and _private_key(path, Ed25519PrivateKey.from_private_bytes).public_key().public_bytes_raw()
            == public_key
        ):
            move_file(path, self.directory / MESH_KEY_FILE)


def load_or_make_secrets(directory: Path, admin_token: str = "") -> Secrets:
    """Read the secrets, or make those that are missing; raise UserFacingError for files that cannot be used."""
    if admin_token and len(admin_token) < MIN_ADMIN_TOKEN:
        raise UserFacingError(
            f"The admin token is too short: it needs {MIN_ADMIN_TOKEN} characters or more.",
            exit_code=EXIT_USAGE,
        )
    return Secrets(
        mesh_key=_private_key(directory / MESH_KEY_FILE, Ed25519PrivateKey.from_private_bytes),
        identity_key=_private_key(directory / IDENTITY_KEY_FILE, Ed25519PrivateKey.from_private_bytes),
        nebula_key=_private_key(directory / NEBULA_KEY_FILE, X25519PrivateKey.from_private_bytes),
        admin_token=admin_token or _read_or_make(directory / ADMIN_TOKEN_FILE),
    )


async def check_mesh(store: Store, found: Secrets, directory: Path) -> None:
    """Refuse a database whose enrolments were made with another mesh key, as when the key's file was lost."""
    note = await store.get(MESH_ENTRY)
    if note is None:
        await store.put(MESH_ENTRY, found.mesh_public_key)
    elif note.value != found.mesh_public_key:
        raise UserFacingError(
            f"The mesh key in {directory / MESH_KEY_FILE} is not the one that this database was made with.",
            "With another key every enrolled worker would be shut out.",
            "Bring the old key file back, or restore a backup with `rma-mesh-coordinator restore FILE`.",
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
