from __future__ import annotations

import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from node.wire import credentials, tokens
from node.wire.credentials import CLOCK_SKEW
from node.wire.encoding import b64encode
from node.wire.mesh_keys import MeshTrust, founded
from node.wire.tokens import LIFE, REUSE, TokenError, TokenIssuer, TokenVerifier
from tests.support.mesh_keys import NOW, WEEK, Clock, Mesh

MESH = Mesh()
HOLDER = Ed25519PrivateKey.generate()
CREDENTIAL = MESH.admit(HOLDER)
CLAIMS = {"iss": "w-1", "aud": "c-1", "iat": int(NOW), "exp": int(NOW) + LIFE, "cred": CREDENTIAL}


def verifier(clock: Clock | None = None, audience: str = "c-1", revoked: set[str] | None = None) -> TokenVerifier:
    return TokenVerifier(
        MESH.key.public_key(), audience, clock or Clock(), revoked if revoked is not None else set()
    )


def issuer(clock: Clock | None = None) -> TokenIssuer:
    return TokenIssuer(HOLDER, "w-1", CREDENTIAL, clock or Clock())


def forge(key: Ed25519PrivateKey = HOLDER, **changes: Any) -> str:
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not None}
    return jwt.encode(claims, key, algorithm="EdDSA")


def sign_by_hand(payload: str, header: str = '{"alg":"EdDSA","typ":"JWT"}') -> str:
    """Make a token of exactly this JSON text, which no library would write."""
    signed = b64encode(header.encode()) + "." + b64encode(payload.encode())
    return signed + "." + b64encode(HOLDER.sign(signed.encode()))


def test_a_token_proves_who_holds_it() -> None:
    credential = verifier().verify(issuer().issue("c-1"))
    assert (credential.subject, credential.role) == ("w-1", "worker")


def test_a_token_fits_into_a_header() -> None:
    assert len(issuer().issue("w" * 64)) <= tokens.MAX_CHARACTERS


def test_an_issuer_hands_out_the_same_token_for_a_while() -> None:
    clock = Clock()
    made = issuer(clock)
    first = made.issue("c-1")
    clock.now += REUSE - 1
    assert made.issue("c-1") == first
    assert made.issue("c-2") != first
    clock.now += 2
    assert made.issue("c-1") != first


def test_a_token_of_this_moment_is_made_where_one_is_asked_for() -> None:
    clock = Clock()
    made = issuer(clock)
    first = made.issue("c-1")
    clock.now += 1.0
    second = made.issue("c-1", anew=True)
    assert second != first
    assert made.issue("c-1") == second, "the newest is handed out again"


def test_a_clock_that_is_set_back_gives_no_token_from_the_future() -> None:
    clock = Clock(NOW + 3600)
    made = issuer(clock)
    first = made.issue("c-1")
    clock.now -= 3600
    assert made.issue("c-1") != first
    assert verifier(clock).verify(made.issue("c-1")).subject == "w-1"


def test_an_issuer_remembers_a_bounded_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "CACHED_TOKENS", 3)
    made = issuer()
    for number in range(10):
        made.issue(f"c-{number}")
    assert len(made._recent) == 3


def test_a_remembered_token_is_for_nobody_else_than_before() -> None:
    checks, token = verifier(), issuer().issue("w-2")
    for _ in range(2):
        assert checks.verify(token, "w-2").subject == "w-1"
        for audience in (None, "c-1", "w-3", ""):
            with pytest.raises(TokenError, match="udience"):
                checks.verify(token, audience)
    own = issuer().issue("c-1")
    assert checks.verify(own) == checks.verify(own, "c-1")
    with pytest.raises(TokenError, match="udience"):
        checks.verify(own, "w-2")


def test_a_renewed_credential_is_in_the_next_token() -> None:
    made = issuer()
    made.issue("c-1")
    made.renew(MESH.admit(HOLDER, trust="vetted"))
    assert verifier().verify(made.issue("c-1")).trust == "vetted"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"aud": "c-2"}, "[Aa]udience"),
        ({"aud": ["c-1", "c-2"]}, "audience"),
        ({"aud": ["c-1"]}, "audience"),
        ({"aud": None}, "aud"),
        ({"iss": "w-2"}, "[Ii]ssuer"),
        ({"iss": None}, "iss"),
        ({"exp": None}, "exp"),
        ({"iat": None}, "iat"),
        ({"exp": int(NOW) + LIFE + 1}, "dated wrong"),
        ({"exp": int(NOW) + 10**9}, "dated wrong"),
        ({"iat": int(NOW) + 1000, "exp": int(NOW) + 1000 + LIFE}, "dated wrong"),
        ({"iat": int(NOW) - 1000, "exp": int(NOW) - 1000 + LIFE}, "expired"),
        ({"iat": "now"}, "time"),
        ({"exp": NOW + 1.5}, "time"),
        ({"exp": True}, "time"),
        ({"iat": -1}, "time"),
        ({"exp": 10**400}, "time"),
        ({"cred": None}, "credential"),
        ({"cred": 5}, "credential"),
        ({"cred": Mesh().admit(HOLDER)}, "not signed by this mesh"),
        ({"cred": MESH.admit(HOLDER, expires_at=int(NOW) - WEEK)}, "credential has expired"),
        ({"cred": MESH.admit(HOLDER, issued_at=int(NOW) + WEEK)}, "not valid yet"),
        ({"cred": MESH.admit(Ed25519PrivateKey.generate())}, "[Ss]ignature"),
        ({"cred": "A" * 4000}, "too long"),
    ],
)
def test_a_token_that_does_not_prove_it_is_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(TokenError, match=why):
        verifier().verify(forge(**changes))


def test_a_token_by_another_key_is_refused() -> None:
    with pytest.raises(TokenError, match=r"[Ss]ignature"):
        verifier().verify(forge(Ed25519PrivateKey.generate()))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_time_that_compares_with_nothing_never_lasts_for_ever(number: str) -> None:
    claims = json.dumps({**CLAIMS, "exp": "?"}).replace('"?"', number)
    with pytest.raises(TokenError, match="time"):
        verifier().verify(sign_by_hand(claims))


def test_an_unsigned_token_is_refused() -> None:
    with pytest.raises(TokenError):
        verifier().verify(jwt.encode(CLAIMS, "", algorithm="none"))
    with pytest.raises(TokenError):
        verifier().verify(sign_by_hand(json.dumps(CLAIMS), '{"alg":"none"}'))


@pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")
def test_the_public_key_is_not_taken_for_a_shared_secret() -> None:
    public = HOLDER.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    with pytest.raises(TokenError):
        verifier().verify(jwt.encode(CLAIMS, public, algorithm="HS256"))


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "x" * 3000,
        "\udcff.\udcff.\udcff",
        "ä.ö.ü",
        sign_by_hand("[]"),
        sign_by_hand("[" * 1300),
    ],
)
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(TokenError):
        verifier().verify(token)


@given(st.text(max_size=200))
def test_no_text_breaks_the_verifier(text: str) -> None:
    with pytest.raises(TokenError):
        verifier().verify(text)


@given(cut=st.integers(0, len(forge()) - 1))
def test_no_part_of_a_token_will_do(cut: int) -> None:
    with pytest.raises(TokenError):
        verifier().verify(forge()[:cut])


def test_a_verified_token_is_checked_again_when_its_time_is_over() -> None:
    clock = Clock()
    checking = verifier(clock)
    token = forge()
    checking.verify(token)
    clock.now += LIFE + CLOCK_SKEW
    assert checking.verify(token).subject == "w-1"
    clock.now += 1
    with pytest.raises(TokenError, match="expired"):
        checking.verify(token)


def test_a_revoked_holder_is_refused_at_once_even_with_a_remembered_token() -> None:
    revoked: set[str] = set()
    checking = verifier(revoked=revoked)
    token = forge()
    checking.verify(token)
    revoked.add("w-1")
    with pytest.raises(TokenError, match="revoked"):
        checking.verify(token)
    assert checking.prove(issuer().issue("c-1")).subject == "w-1", "which can be told to the holder"


def test_a_verifier_remembers_a_bounded_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "CACHED_TOKENS", 3)
    checking = verifier()
    for number in range(10):
        checking.verify(forge(jti=str(number)))
    assert len(checking._verified) == 3


def test_a_token_by_a_retired_key_is_refused_though_it_was_verified() -> None:
    newer = Ed25519PrivateKey.generate()
    trust = MeshTrust(founded(MESH.public_bytes))
    checker, token = TokenVerifier(trust, "c-1", Clock()), issuer().issue("c-1")
    checker.verify(token)
    trust.keys = trust.keys.begin(MESH.key, newer)
    trust.keys = trust.keys.onwards()
    assert checker.verify(token).subject == "w-1", "both are accepted"
    trust.keys = trust.keys.onwards()
    with pytest.raises(TokenError, match="not signed by this mesh"):
        checker.verify(token)


def test_a_credential_s_signature_is_checked_once_however_many_tokens_come_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checked: list[str] = []
    verify = credentials.verify

    def counted(text: str, *more: Any, **others: Any) -> Any:
        checked.append(text)
        return verify(text, *more, **others)

    monkeypatch.setattr(credentials, "verify", counted)
    clock = Clock()
    checking, made = verifier(clock), issuer(clock)
    for _ in range(20):
        assert checking.verify(made.issue("c-1")).subject == "w-1"
        clock.now += 30
    assert checked == [CREDENTIAL]
    forged = Ed25519PrivateKey.generate()
    with pytest.raises(TokenError, match="signature"):
        checking.verify(forge(forged, iat=int(clock.now), exp=int(clock.now) + LIFE))
    clock.now += WEEK
    with pytest.raises(TokenError, match="credential has expired"):
        checking.verify(forge(iat=int(clock.now), exp=int(clock.now) + LIFE))


def test_a_verifier_remembers_a_bounded_number_of_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "CACHED_CREDENTIALS", 3)
    checking = verifier()
    for number in range(10):
        holder = Ed25519PrivateKey.generate()
        made = TokenIssuer(holder, f"w-{number}", MESH.admit(holder, f"w-{number}"), Clock())
        assert checking.verify(made.issue("c-1")).subject == f"w-{number}"
    assert len(checking._credentials) == 3
