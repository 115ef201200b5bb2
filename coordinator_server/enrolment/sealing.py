"""Seals secrets that lie in the store: whoever has the database but not the mesh key learns nothing from it."""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from node.wire.mesh_keys import SigningKey

CONTEXT = b"rma-mesh sealed v1\x00"
NONCE_BYTES = 12


class SealError(ValueError):
    """What was sealed cannot be opened: it is damaged, or was sealed for something else or with another key."""


def seal(mesh_key: SigningKey, purpose: bytes, secret: bytes) -> bytes:
    """Encrypt under a key that is derived from the mesh key for this purpose (RFC 5869, RFC 8439)."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + _cipher(mesh_key, purpose).encrypt(nonce, secret, purpose)


def unseal(mesh_key: SigningKey, purpose: bytes, sealed: bytes) -> bytes:
    """Return the secret; raise SealError."""
    try:
        return _cipher(mesh_key, purpose).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], purpose)
    except (InvalidTag, ValueError):
        raise SealError("it was not sealed with this mesh key, or is damaged") from None


def _cipher(mesh_key: SigningKey, purpose: bytes) -> ChaCha20Poly1305:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=CONTEXT + purpose)
    return ChaCha20Poly1305(derived.derive(mesh_key.private_bytes_raw()))
