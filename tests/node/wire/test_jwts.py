"""Our tokens are everybody's JWTs, by a library that knows all kinds; of those that it makes, one kind is taken."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.wire import jwts
from node.wire.encoding import b64encode
from node.wire.jwts import JwtError
from node.wire.signatures import WrongSignatureError

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)
CLAIMS: dict[str, Any] = {"iss": "w-1", "aud": "c-1", "iat": 5, "services": ["a", "b"], "text": "ä\n\"'"}


def by_hand(header: str, payload: str = json.dumps(CLAIMS)) -> str:
    """Sign exactly these texts."""
    signed = f"{b64encode(header.encode())}.{b64encode(payload.encode())}"
    return f"{signed}.{b64encode(KEY.sign(signed.encode()))}"


def decoded(token: str, **changes: Any) -> dict[str, Any]:
    return jwts.decode(token, KEY.public_key(), **{"issuer": "w-1", "audience": "c-1", **changes})


def test_a_library_reads_ours_and_we_read_the_library_s() -> None:
    ours = jwts.encode(CLAIMS, KEY)
    assert jwt.decode(
        ours, KEY.public_key(), algorithms=["EdDSA"], audience="c-1", options={"verify_iat": False}
    ) == (CLAIMS)
    theirs = jwt.encode(CLAIMS, KEY, algorithm="EdDSA")
    for token in (ours, theirs, by_hand('{"alg":"EdDSA"}')):
        assert decoded(token, required=("iat", "services")) == jwts.read(token) == CLAIMS


@pytest.mark.parametrize(
    "header",
    [
        '{"alg":"none"}',
        '{"alg":"HS256","typ":"JWT"}',
        '{"alg":"EdDSA","typ":"other"}',
        '{"alg":"EdDSA","typ":"JWT","crit":["exp"]}',
        '{"alg":"EdDSA","typ":"JWT","b64":false}',
        '{"alg":"EdDSA","typ":"JWT","jwk":{}}',
        '{"alg":["EdDSA"]}',
        '{"typ":"JWT"}',
        '["EdDSA"]',
        '{"alg":"EdDSA","x":' + "[" * 20_000,
        "",
    ],
)
def test_one_kind_of_header_is_taken(header: str) -> None:
    with pytest.raises(JwtError):
        decoded(by_hand(header))


@pytest.mark.parametrize(
    "changes",
    [{"aud": "c-2"}, {"aud": ["c-1"]}, {"iss": "w-2"}, {"iss": ["w-1"]}, {"nbf": 5}, {"nbf": 10**12}],
)
def test_what_it_says_must_be_what_is_expected(changes: dict[str, Any]) -> None:
    with pytest.raises(JwtError):
        decoded(jwts.encode({**CLAIMS, **changes}, KEY))


@pytest.mark.parametrize("missing", ["iss", "aud", "iat"])
def test_what_is_required_must_be_there(missing: str) -> None:
    claims = {name: value for name, value in CLAIMS.items() if name != missing}
    with pytest.raises(JwtError, match=missing):
        decoded(jwts.encode(claims, KEY), required=("iat",))


def test_no_other_key_and_no_other_text_passes() -> None:
    token = jwts.encode(CLAIMS, KEY)
    header, payload, signature = token.split(".")
    with pytest.raises(WrongSignatureError):
        decoded(jwts.encode(CLAIMS, OTHER))
    with pytest.raises(WrongSignatureError):
        decoded(f"{header}.{b64encode(json.dumps({**CLAIMS, 'iat': 6}).encode())}.{signature}")
    for short in (f"{header}.{payload}.", f"{header}.{payload}.{signature[:-2]}"):
        with pytest.raises(WrongSignatureError):
            decoded(short)


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c.d", "a.b.c", "\udcff.b.c", f"{jwts.HEADER}.W10.x", "ä.ö.ü"])
def test_what_is_no_token_is_said_so(token: str) -> None:
    with pytest.raises(JwtError):
        decoded(token)
