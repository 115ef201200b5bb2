"""JSON Web Tokens signed with Ed25519 (RFC 7519, RFC 8037), made, and read strictly; there is no other kind here.

PyJWT, which knows all kinds, loads RSA, X.509 and more for them: two MiB in every node, of the sixty that a node
may have. So our tests hold these lines to it, letter by letter: whatever it refuses is refused here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from node.wire.encoding import b64decode, b64encode
from node.wire.signatures import check_signature

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PARTS = 3


class JwtError(ValueError):
    """A token that is none, or not the one that it should be; the text says why."""


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The only header there is: what it could say besides might change what a signature means."""

    alg: Literal["EdDSA"]
    typ: Literal["JWT"] = "JWT"


HEADER = b64encode(msgspec.json.encode({"alg": "EdDSA", "typ": "JWT"}))


def encode(claims: Mapping[str, object], key: Ed25519PrivateKey) -> str:
    """Return a token with these claims."""
    signed = f"{HEADER}.{b64encode(msgspec.json.encode(claims))}"
    return f"{signed}.{b64encode(key.sign(signed.encode('ascii')))}"


def read(token: str) -> dict[str, Any]:
    """Return what a token claims, before anything is proven; raise JwtError."""
    return _read(_split(token)[1])


def decode(
    token: str, key: Ed25519PublicKey, *, issuer: str, audience: str, required: Iterable[str] = ()
) -> dict[str, Any]:
    """Return the claims of a token that the key's holder has signed as `issuer`, for this audience alone.

    Raise JwtError or WrongSignatureError. Times are the caller's to check.
    """
    header, payload, signature = _split(token)
    try:
        msgspec.json.decode(b64decode(header), type=_Header)
        signed_with = b64decode(signature)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise JwtError(f"token is of a kind that is not taken: {error}") from None
    if b64encode(signed_with) != signature:  # its last letter has bits to spare
        raise JwtError("token spells its signature in another way than it should")
    claims = _read(payload)
    check_signature(key, signed_with, f"{header}.{payload}".encode("ascii"))
    for name in ("iss", "aud", *required):
        if name not in claims:
            raise JwtError(f"token says nothing of {name}")
    if "nbf" in claims:
        raise JwtError("token is for later, which none of ours is")
    if claims["iss"] != issuer:
        raise JwtError("token has another issuer than it should")
    if claims["aud"] != audience:  # a list of several is none of ours
        raise JwtError("token is for another audience")
    return claims


def _split(token: str) -> tuple[str, str, str]:
    parts = token.split(".")
    if len(parts) != PARTS:
        raise JwtError("token has not three parts")
    return parts[0], parts[1], parts[2]


def _read(payload: str) -> dict[str, Any]:
    try:
        claims = json.loads(b64decode(payload))
    except (ValueError, RecursionError) as error:
        raise JwtError(f"token cannot be read: {error}") from None
    if not isinstance(claims, dict):
        raise JwtError("token holds no claims")
    return claims
