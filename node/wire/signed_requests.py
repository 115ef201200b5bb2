"""What a worker signs of a request that nobody else may make: a token can be overheard, and used for a minute.

The signature is for one request of one token, and a nonce makes it another one each time: who sees it comes twice
knows that it was repeated, as from an address that is not the worker's.
"""

from __future__ import annotations

from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from node.wire.encoding import b64decode, b64encode

CONTEXT = b"rma-mesh request v1\x00"
MAX_CHARACTERS = 200

What = Literal["register", "renew", "leave", "channel", "entry-point", "entry-point-withdrawal"]


def sign_request(key: Ed25519PrivateKey, what: What, token: str, body: bytes, nonce: str) -> str:
    """Return the signature as its header holds it; `nonce` is new for each request, and of base64url's letters."""
    return f"{nonce}.{b64encode(key.sign(_signed_part(what, token, body, nonce)))}"


def is_signed(signature: str, public_key: bytes, what: What, token: str, body: bytes) -> bool:
    """Say whether the holder of this Ed25519 key has signed the request."""
    nonce, _, signed = signature.partition(".")
    if not nonce or len(signature) > MAX_CHARACTERS:
        return False
    try:
        key = Ed25519PublicKey.from_public_bytes(public_key)
        key.verify(b64decode(signed), _signed_part(what, token, body, nonce))
    except (InvalidSignature, ValueError):
        return False
    return True


def _signed_part(what: What, token: str, body: bytes, nonce: str) -> bytes:
    return b"\x00".join((CONTEXT + what.encode(), token.encode(), nonce.encode(), body))
