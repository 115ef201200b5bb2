"""The mesh's private keys as they stand in the store under the operator's passphrase. Pure but for what is drawn.

All keys of one record are sealed with one key, which is derived from the passphrase (`passphrase.Derivation`). Each
is sealed for itself (AES-256-GCM) together with its public key, so that none can be put in another one's place.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from coordinator_server.enrolment.passphrase import Derivation
from node.wire.mesh_keys import PublicKey

KEY = "mesh-sealed-keys"  # of the store
CONTEXT = b"rma-mesh key under a passphrase v1\x00"
NONCE_BYTES = 12
MOST = 4  # keys of one record: one, and two while the mesh's key is rotated


class WrongPassphraseError(ValueError):
    """The keys were sealed with another passphrase, or somebody has changed them."""


class SealedKey(msgspec.Struct, frozen=True):
    """A private key, sealed: the nonce, then what AES-GCM makes of its 32 bytes."""

    public_key: PublicKey
    sealed: Annotated[bytes, msgspec.Meta(min_length=NONCE_BYTES + 48, max_length=NONCE_BYTES + 48)]


class SealedKeys(msgspec.Struct, frozen=True, kw_only=True):
    """What the store keeps."""

    derivation: Derivation
    keys: Annotated[tuple[SealedKey, ...], msgspec.Meta(min_length=1, max_length=MOST)]

    @property
    def public_keys(self) -> tuple[bytes, ...]:
        return tuple(one.public_key for one in self.keys)


Keys = Mapping[bytes, Ed25519PrivateKey]  # by their public keys


def seal_keys(keys: Keys, derivation: Derivation, derived: bytes) -> SealedKeys:
    """Seal all keys with what was derived."""
    sealed = tuple(_seal(public_key, key, derived) for public_key, key in keys.items())
    return SealedKeys(derivation=derivation, keys=sealed)


def open_keys(sealed: SealedKeys, derived: bytes) -> Keys:
    """Return the private keys; raise WrongPassphraseError unless every one of them opens."""
    return {one.public_key: _open(one, derived) for one in sealed.keys}


def _seal(public_key: bytes, key: Ed25519PrivateKey, derived: bytes) -> SealedKey:
    nonce = os.urandom(NONCE_BYTES)
    return SealedKey(
        public_key, nonce + AESGCM(derived).encrypt(nonce, key.private_bytes_raw(), CONTEXT + public_key)
    )


def _open(sealed: SealedKey, derived: bytes) -> Ed25519PrivateKey:
    nonce, rest = sealed.sealed[:NONCE_BYTES], sealed.sealed[NONCE_BYTES:]
    try:
        raw = AESGCM(derived).decrypt(nonce, rest, CONTEXT + sealed.public_key)
    except InvalidTag:
        raise WrongPassphraseError("the passphrase does not open the mesh's keys") from None
    key = Ed25519PrivateKey.from_private_bytes(raw)
    if key.public_key().public_bytes_raw() != sealed.public_key:
        raise WrongPassphraseError("a sealed key is not the one that it is said to be")
    return key
