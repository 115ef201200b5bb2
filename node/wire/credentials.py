"""Credentials: what the mesh signed about a worker or coordinator, compact enough for a DHT datagram.

A credential is MessagePack of the array [version, mesh_id, subject, role, public_key, trust, place, issued_at,
expires_at] followed by an Ed25519 signature (RFC 8032) of the mesh key over a context string and those bytes.
`mesh_id` is the fingerprint of that key: when it is retired, what it signed is known by that. On HTTP a credential
travels as base64url. `place` is the mesh's part of the holder's place in the DHT, and stays the same: whoever makes
keys until one lies next to a record still does not know where the mesh will put it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from node.wire.encoding import b64decode, b64encode
from node.wire.mesh_keys import MeshTrust, SigningKey, trust_in
from node.wire.signatures import WrongSignatureError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

CONTEXT = b"rma-mesh credential v1\x00"
PLACE_CONTEXT = b"rma-mesh place v1\x00"
PLACE_BYTES = 8
SIGNATURE_BYTES = 64
MAX_BYTES = 400
CLOCK_SKEW = 120.0  # seconds of clock difference that are tolerated everywhere

# Patterns end with $(?!\n): Python's $ alone also matches before a last newline.
Trust = Literal["volunteer", "vetted"]
Role = Literal["worker", "coordinator", "applicant"]  # an applicant waits for the operator to let it in
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$(?!\n)")]
Key = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]


class CredentialError(ValueError):
    """A credential that is malformed, forged, foreign, expired or not yet valid; the text says which."""


class Credential(msgspec.Struct, frozen=True, array_like=True):
    """What the mesh says about one holder of an identity key; times are Unix seconds."""

    version: Literal[1]
    mesh_id: Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
    subject: Name
    role: Role
    public_key: Key
    trust: Trust
    place: Annotated[bytes, msgspec.Meta(min_length=PLACE_BYTES, max_length=PLACE_BYTES)]
    issued_at: int
    expires_at: int


def issue(credential: Credential, mesh_key: SigningKey) -> str:
    """Sign a credential; return it in its HTTP form."""
    payload = msgspec.msgpack.encode(credential)
    return b64encode(payload + mesh_key.sign(CONTEXT + payload))


def place_of(public_key: bytes, secret_key: SigningKey) -> bytes:
    """Return a place for a key: always the same, and unknown to all who lack the secret key."""
    return hashlib.sha256(secret_key.sign(PLACE_CONTEXT + public_key)).digest()[:PLACE_BYTES]


def verify_bytes(
    data: bytes, mesh_public_key: MeshTrust | Ed25519PublicKey, now: float, *, own: bool = False
) -> Credential:
    """Return the verified credential; raise CredentialError saying what is wrong with it.

    An applicant's counts for nobody; with `own` it is that of whoever asks, who may be one.
    """
    if not SIGNATURE_BYTES < len(data) <= MAX_BYTES:
        raise CredentialError("credential has an impossible length")
    payload, signature = data[:-SIGNATURE_BYTES], data[-SIGNATURE_BYTES:]
    try:
        signed_by = trust_in(mesh_public_key).verify(signature, CONTEXT + payload)
        credential = msgspec.msgpack.decode(payload, type=Credential)
    except WrongSignatureError:
        raise CredentialError("credential was not signed by this mesh") from None
    except msgspec.MsgspecError as error:
        raise CredentialError(f"credential is malformed: {error}") from None
    if credential.mesh_id != signed_by:  # else it would count on when its key is retired
        raise CredentialError("credential was signed by another key of this mesh than it says")
    if credential.role == "applicant" and not own:
        raise CredentialError("its holder waits for the operator's approval")
    check_times(credential, now)
    return credential


def check_times(credential: Credential, now: float) -> None:
    """Raise CredentialError where it is not valid yet, or no more."""
    if credential.issued_at - CLOCK_SKEW > now:
        raise CredentialError("credential is not valid yet: check this machine's clock")
    if credential.expires_at + CLOCK_SKEW < now:
        raise CredentialError("credential has expired")


def verify(
    text: str, mesh_public_key: MeshTrust | Ed25519PublicKey, now: float, *, own: bool = False
) -> Credential:
    """Verify the HTTP form as `verify_bytes` does; raise CredentialError."""
    try:
        data = b64decode(text)
    except ValueError:
        raise CredentialError("credential is not base64url") from None
    return verify_bytes(data, mesh_public_key, now, own=own)


def peek(text: str) -> Credential:
    """Read one's own credential without checking who signed it; raise CredentialError."""
    try:
        return msgspec.msgpack.decode(b64decode(text)[:-SIGNATURE_BYTES], type=Credential)
    except (ValueError, msgspec.MsgspecError) as error:
        raise CredentialError(f"credential is malformed: {error}") from None
