"""A token counts for renewal by the key on record alone; everything else about it must still be right."""

from __future__ import annotations

from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator_server.enrolment.renewal import check_signed_by, claimed_subject
from node.wire.tokens import TokenError, TokenIssuer

NOW = 1_800_000_000
KEY = Ed25519PrivateKey.generate()
PUBLIC = KEY.public_key().public_bytes_raw()


def make(key: Ed25519PrivateKey = KEY, **changes: Any) -> str:
    claims = {"iss": "w-1", "aud": "c-1", "iat": NOW, "exp": NOW + 60, "cred": "long expired", **changes}
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, key, algorithm="EdDSA")


def test_the_key_is_enough() -> None:
    token = TokenIssuer(KEY, "w-1", "an expired credential", lambda: NOW).issue("c-1")
    assert claimed_subject(token) == "w-1"
    check_signed_by(token, PUBLIC, "w-1", "c-1", NOW)


@pytest.mark.parametrize(
    "token",
    [
        make(Ed25519PrivateKey.generate()),
        make(iss="w-2"),
        make(aud="c-2"),
        make(aud=["c-1", "c-2"]),
        make(iat=NOW - 3600, exp=NOW - 3540),
        make(iat=NOW + 3600, exp=NOW + 3660),
        make(exp=NOW + 3600),
        make(exp=None),
        make(iat=float("nan")),
        make(iat="now"),
        jwt.encode({"iss": "w-1", "aud": "c-1", "iat": NOW, "exp": NOW + 60}, "x" * 32, algorithm="HS256"),
        jwt.encode({"iss": "w-1", "aud": "c-1", "iat": NOW, "exp": NOW + 60}, "", algorithm="none"),
        "no.token.atall",
    ],
)
def test_anything_else_is_refused(token: str) -> None:
    with pytest.raises(TokenError):
        check_signed_by(token, PUBLIC, "w-1", "c-1", NOW)


@pytest.mark.parametrize("token", ["", "a.b.c", "x" * 5000, "é"])
def test_what_is_no_token_has_no_subject(token: str) -> None:
    with pytest.raises(TokenError):
        claimed_subject(token)
