"""Who was put out of a mesh, signed by its key: nobody on the way adds a name or takes one away.

Whoever has the list already is told only that it is still the right one, which is signed as well.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, TypeVar

import msgspec

from node.wire.credentials import Name
from node.wire.encoding import b64decode, b64encode
from node.wire.mesh_keys import MeshKeysError, MeshTrust, SigningKey
from node.wire.signatures import WrongSignatureError

CONTEXT = b"rma-mesh blocklist v1\x00"
CURRENT_CONTEXT = b"rma-mesh blocklist current v1\x00"
MOST = 100_000  # names, and certificates
T = TypeVar("T")

Fingerprint = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]


class BlocklistError(ValueError):
    """A blocklist that is not the mesh's; the text says why."""


class PutOut(msgspec.Struct, frozen=True, kw_only=True):
    """Workers, and certificates of the overlay, that nobody may believe any more.

    The version rises with every change, for ever. `signed_at` is Unix seconds: the same list is signed again from
    time to time. What is good for longest comes first, so that whoever has room for a part keeps the right one.
    """

    version: Annotated[int, msgspec.Meta(ge=0)] = 0
    signed_at: float = 0.0
    workers: Annotated[tuple[Name, ...], msgspec.Meta(max_length=MOST)] = ()
    certificates: Annotated[tuple[Fingerprint, ...], msgspec.Meta(max_length=MOST)] = ()  # for pki.blocklist


class Current(msgspec.Struct, frozen=True, kw_only=True):
    """Which list counts at a time (Unix seconds): its version, and what it names, as `digest_of` says it."""

    version: Annotated[int, msgspec.Meta(ge=0)] = 0
    signed_at: float = 0.0
    digest: Annotated[str, msgspec.Meta(max_length=64)] = ""


class SignedBlocklist(msgspec.Struct, frozen=True):
    """A blocklist, or a `Current`, as coordinators hand it out: JSON text and the mesh key's signature over it."""

    payload: str
    signature: str


def digest_of(listed: PutOut) -> str:
    """Return what tells lists apart by whom they name."""
    return hashlib.sha256(msgspec.json.encode((listed.workers, listed.certificates))).hexdigest()


def sign_blocklist(listed: PutOut, mesh_key: SigningKey) -> SignedBlocklist:
    return _sign(listed, mesh_key, CONTEXT)


def sign_current(listed: PutOut, mesh_key: SigningKey) -> SignedBlocklist:
    """Sign that this list is the one that counts, for those who have it."""
    current = Current(version=listed.version, signed_at=listed.signed_at, digest=digest_of(listed))
    return _sign(current, mesh_key, CURRENT_CONTEXT)


def _sign(what: PutOut | Current, mesh_key: SigningKey, context: bytes) -> SignedBlocklist:
    payload = msgspec.json.encode(what)
    return SignedBlocklist(payload.decode(), b64encode(mesh_key.sign(context + payload)))


def open_blocklist(signed: SignedBlocklist, trust: MeshTrust) -> tuple[int, PutOut]:
    """Return the list, and the number of the mesh's key that has signed it; raise BlocklistError."""
    return _open(signed, trust, CONTEXT, PutOut)


def open_current(signed: SignedBlocklist, trust: MeshTrust) -> tuple[int, Current]:
    """Return which list counts, and the number of the mesh's key that says so; raise BlocklistError."""
    return _open(signed, trust, CURRENT_CONTEXT, Current)


def _open(signed: SignedBlocklist, trust: MeshTrust, context: bytes, cls: type[T]) -> tuple[int, T]:
    try:
        payload = signed.payload.encode()
        mesh_id = trust.verify(b64decode(signed.signature), context + payload)
        return trust.keys.number_of(mesh_id), msgspec.json.decode(payload, type=cls)
    except WrongSignatureError:
        raise BlocklistError("no key of this mesh has signed it") from None
    except (MeshKeysError, ValueError) as error:
        raise BlocklistError(f"it makes no sense: {error}") from None
