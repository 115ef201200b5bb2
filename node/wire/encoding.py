"""Base64url without padding, and the fingerprint of a public key."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

ALPHABET = re.compile(r"[A-Za-z0-9_-]*")


def b64encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def b64decode(text: str) -> bytes:
    """Decode strict base64url; raise ValueError for anything else."""
    if not ALPHABET.fullmatch(text):
        raise ValueError("not base64url: it has letters of another alphabet")
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError(f"not base64url: {error}") from None


def fingerprint(public_key: bytes) -> bytes:
    """Return the first 16 bytes of SHA-256 over a raw Ed25519 public key of 32 bytes."""
    return hashlib.sha256(public_key).digest()[:16]
