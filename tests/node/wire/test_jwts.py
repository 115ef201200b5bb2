"""Our tokens are everybody's JWTs, by a library that knows all kinds; of those that it makes, one kind is taken."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from jwt.utils import base64url_decode

from node.wire import jwts
from node.wire.encoding import b64encode
from node.wire.jwts import JwtError
from node.wire.signatures import WrongSignatureError

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)
CLAIMS: dict[str, Any] = {"iss": "w-1", "aud": "c-1", "iat": 5, "services": ["a", "b"], "text": "ä\n\"'"}


def by_hand(header: str, payload: str = json.dumps(CLAIMS), key: Ed25519PrivateKey = KEY) -> str:
    """Sign exactly these texts."""
    signed = f"{b64encode(header.encode())}.{b64encode(payload.encode())}"
    return f"{signed}.{b64encode(key.sign(signed.encode()))}"


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
    for short in (f"{header}.{payload}.", f"{header}.{payload}.{b64encode(bytes(63))}"):
        with pytest.raises(WrongSignatureError):
            decoded(short)


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c.d", "a.b.c", "\udcff.b.c", f"{jwts.HEADER}.W10.x", "ä.ö.ü"])
def test_what_is_no_token_is_said_so(token: str) -> None:
    with pytest.raises(JwtError):
        decoded(token)


# --- beside PyJWT: what it refuses we refuse, and the other way round, but for what is named below --------------

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
HEADERS = st.sampled_from(
    [
        '{"alg":"EdDSA","typ":"JWT"}',
        '{"typ":"JWT","alg":"EdDSA"}',
        ' {"alg" : "EdDSA"}\n',
        '{"alg":"none","typ":"JWT"}',
        '{"alg":"None"}',
        '{"alg":"eddsa"}',
        '{"alg":"Ed25519"}',
        '{"alg":"HS256","typ":"JWT"}',
        '{"alg":"none","alg":"EdDSA"}',
        '{"alg":"EdDSA","alg":"none"}',
        '{"alg":"EdDSA","typ":"at+jwt"}',
        '{"alg":"EdDSA","kid":"k"}',
        '{"alg":"EdDSA","crit":["exp"],"exp":1}',
        '{"alg":"EdDSA","crit":[]}',
        '{"alg":"EdDSA","b64":false,"crit":["b64"]}',
        '{"alg":"EdDSA","cty":"JWT"}',
        '{"alg":"EdDSA"}{}',
        '{"alg":null}',
        "[]",
        "null",
        "",
        '{"alg":"EdDSA","x":' + "[" * 5_000 + "]" * 5_000 + "}",
    ]
)
PAYLOADS = st.one_of(
    st.dictionaries(st.sampled_from(["iss", "aud", "iat", "exp", "nbf", "sub", "jti", "x"]), JSON).map(
        lambda more: json.dumps({**CLAIMS, **more})
    ),
    st.sampled_from(["iss", "aud", "iat"]).map(lambda gone: json.dumps({**CLAIMS, gone: None})),
    st.sampled_from(
        [
            '{"iss":"w-2","iss":"w-1","aud":"c-1","iat":5}',
            '{"iss":"w-1","aud":"c-1","iat":NaN}',
            '{"iss":"w-1","aud":"c-1","iat":5,"nbf":99999999999}',
            '{"iss":"w-1","iat":5}',
            '["iss"]',
            '"iss"',
            "{",
            "",
            '{"iss":"w-1","aud":"c-1","iat":5,"x":' + "[" * 5_000 + "]" * 5_000 + "}",
        ]
    ),
)
LETTERS = st.sampled_from([".", "=", "+", "/", "-", "_", "A", "Z", "a", " ", "\n", "\x00", "ä", "\udcff", ""])


@st.composite
def spoilt(draw: st.DrawFn) -> str:
    """Make a token of any header, claims and key, and change some of its letters, most often those at an end."""
    token = by_hand(draw(HEADERS), draw(PAYLOADS), draw(st.sampled_from([KEY, KEY, KEY, OTHER])))
    dots = [at for at, letter in enumerate(token) if letter == "."]
    ends = st.sampled_from([0, dots[0] - 1, dots[0], dots[1] - 1, dots[1], dots[1] + 1, len(token) - 1, len(token)])
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        at = draw(ends.filter(lambda place: place >= 0) | st.integers(0, len(token)))
        token = token[:at] + draw(LETTERS) + token[at + draw(st.integers(0, 1)) :]
    return token


def by_library(token: str) -> dict[str, Any] | None:
    """Read it with PyJWT, told all that can be told; None if it refuses."""
    options = {
        "require": ["iss", "aud", "iat"],
        "strict_aud": True,
        **dict.fromkeys(("verify_exp", "verify_iat", "verify_sub", "verify_jti"), False),  # whoever called checks
    }
    try:
        return jwt.decode(
            token,
            KEY.public_key(),
            algorithms=["EdDSA"],
            audience="c-1",
            issuer="w-1",
            options=options,  # type: ignore[arg-type]  # PyJWT's own type leaves strict_aud out
        )
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        return None


def only_we_refuse(token: str) -> bool:
    """Name what the library takes and we do not: more in the header, said twice there, and tokens for later."""
    header, payload, _ = token.split(".")
    kind = json.loads(base64url_decode(header), object_pairs_hook=sorted)
    return kind not in ([("alg", "EdDSA")], [("alg", "EdDSA"), ("typ", "JWT")]) or "nbf" in json.loads(
        base64url_decode(payload)
    )


@given(spoilt())
def test_what_a_library_refuses_is_refused_and_the_other_way_round(token: str) -> None:
    theirs = by_library(token)
    try:
        ours = decoded(token, required=("iat",))
    except (JwtError, WrongSignatureError):
        assert theirs is None or only_we_refuse(token)
    else:
        assert repr(ours) == repr(theirs), "NaN is not equal to itself"


@given(st.dictionaries(st.text(max_size=8), JSON, max_size=6))
def test_what_one_side_makes_the_other_reads(more: dict[str, Any]) -> None:
    claims = {**{name: value for name, value in more.items() if name != "nbf"}, **CLAIMS}
    made = jwts.encode(claims, KEY), jwt.encode(claims, KEY, algorithm="EdDSA")
    for token in made:
        assert decoded(token) == by_library(token) == claims


def test_a_signature_has_one_spelling() -> None:
    """The last letter of it has four bits that say nothing."""
    token = jwts.encode(CLAIMS, KEY)
    for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=\n":
        other = token[:-1] + letter
        if other != token:
            assert by_library(other) is None
            with pytest.raises((JwtError, WrongSignatureError)):
                decoded(other)


@pytest.mark.parametrize("count", [0, 1, 3, 500])
def test_no_other_number_of_parts_is_taken(count: int) -> None:
    token = jwts.encode(CLAIMS, KEY) if count != 1 else ""
    with pytest.raises(JwtError):
        decoded("." * count if count < 2 else token + "." * count)
