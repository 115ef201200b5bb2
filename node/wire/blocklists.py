"""Who was put out of a mesh, signed by its key: nobody on the way adds a name or takes one away."""

from __future__ import annotations

from typing import Annotated

import msgspec

from node.wire.credentials import Name
from node.wire.encoding import b64decode, b64encode
from node.wire.mesh_keys import MeshKeysError, MeshTrust, SigningKey
from node.wire.signatures import WrongSignatureError

CONTEXT = b"rma-mesh blocklist v1\x00"
MOST = 100_000  # names, and certificates

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


class SignedBlocklist(msgspec.Struct, frozen=True):
    """A blocklist as coordinators hand it out: JSON text and the mesh key's signature over it."""

    payload: str
    signature: str


def sign_blocklist(listed: PutOut, mesh_key: SigningKey) -> SignedBlocklist:
    payload = msgspec.json.encode(listed)
    return SignedBlocklist(payload.decode(), b64encode(mesh_key.sign(CONTEXT + payload)))


def open_blocklist(signed: SignedBlocklist, trust: MeshTrust) -> tuple[int, PutOut]:
    """Return the list, and the number of the mesh's key that has signed it; raise BlocklistError."""
    try:
        payload = signed.payload.encode()
        mesh_id = trust.verify(b64decode(signed.signature), CONTEXT + payload)
        return trust.keys.number_of(mesh_id), msgspec.json.decode(payload, type=PutOut)
    except WrongSignatureError:
        raise BlocklistError("no key of this mesh has signed it") from None
    except (MeshKeysError, ValueError) as error:
        raise BlocklistError(f"it makes no sense: {error}") from None
