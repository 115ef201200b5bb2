"""Ed25519 signatures (RFC 8032), checked in one place; what checks them is loaded with the first one.

Whoever only reads messages, as the tray app does, is spared the nine megabytes that it takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class WrongSignatureError(ValueError):
    """Whoever has this key has not signed this."""


def key_of(raw: bytes) -> Ed25519PublicKey:
    """Return the key in its 32 bytes; raise ValueError."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    return Ed25519PublicKey.from_public_bytes(raw)


def check_signature(key: Ed25519PublicKey, signature: bytes, data: bytes) -> None:
    """Raise WrongSignatureError unless the holder of the key has signed the data."""
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(signature, data)
    except InvalidSignature:
        raise WrongSignatureError("its signature does not fit") from None
