from __future__ import annotations

from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from node.wire.credentials import (
    CLOCK_SKEW,
    CONTEXT,
    MAX_BYTES,
    Credential,
    CredentialError,
    issue,
    peek,
    place_of,
    verify,
    verify_bytes,
)
from node.wire.encoding import b64decode, b64encode, fingerprint
from node.wire.mesh_keys import MeshTrust, founded
from tests.support.mesh_keys import NOW, WEEK, Mesh

MESH = Mesh()
HOLDER = Ed25519PrivateKey.generate()
TEXT = MESH.admit(HOLDER)
PUBLIC = MESH.key.public_key()


def sign(payload: bytes, mesh: Mesh = MESH) -> bytes:
    return payload + mesh.key.sign(CONTEXT + payload)


def test_a_credential_says_what_the_mesh_signed() -> None:
    assert verify(TEXT, PUBLIC, NOW) == MESH.credential(HOLDER)


def test_the_longest_credential_fits_into_a_datagram() -> None:
    longest = MESH.admit(HOLDER, "w" * 64, role="coordinator", issued_at=2**40, expires_at=2**41)
    assert len(b64decode(longest)) <= MAX_BYTES
    assert verify(longest, PUBLIC, 2**40).subject == "w" * 64


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (NOW - CLOCK_SKEW - 1, "not valid yet"),
        (NOW + WEEK + CLOCK_SKEW + 1, "expired"),
    ],
)
def test_outside_its_time_it_is_worth_nothing(now: float, why: str) -> None:
    with pytest.raises(CredentialError, match=why):
        verify(TEXT, PUBLIC, now)


@pytest.mark.parametrize("now", [NOW - CLOCK_SKEW, NOW, NOW + WEEK + CLOCK_SKEW])
def test_clocks_may_differ_a_little(now: float) -> None:
    assert verify(TEXT, PUBLIC, now).subject == "w-1"


def test_another_meshs_credential_is_refused() -> None:
    with pytest.raises(CredentialError, match="not signed by this mesh"):
        verify(Mesh().admit(HOLDER), PUBLIC, NOW)


def test_a_signature_made_for_another_purpose_is_refused() -> None:
    payload = b64decode(TEXT)[:-64]
    with pytest.raises(CredentialError, match="not signed by this mesh"):
        verify_bytes(payload + MESH.key.sign(payload), PUBLIC, NOW)


@given(position=st.integers(0, len(b64decode(TEXT)) - 1), bit=st.integers(0, 7))
def test_no_bit_can_be_changed(position: int, bit: int) -> None:
    data = bytearray(b64decode(TEXT))
    data[position] ^= 1 << bit
    with pytest.raises(CredentialError):
        verify_bytes(bytes(data), PUBLIC, NOW)


@given(length=st.integers(0, len(b64decode(TEXT)) - 1))
def test_no_part_can_be_cut_off(length: int) -> None:
    with pytest.raises(CredentialError):
        verify_bytes(b64decode(TEXT)[:length], PUBLIC, NOW)


@given(st.binary(max_size=MAX_BYTES + 50))
def test_random_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(CredentialError):
        verify_bytes(data, PUBLIC, NOW)


@given(st.text(max_size=600))
def test_random_text_is_refused(text: str) -> None:
    with pytest.raises(CredentialError):
        verify(text, PUBLIC, NOW)


def test_an_oversized_credential_is_refused_even_if_signed() -> None:
    with pytest.raises(CredentialError, match="length"):
        verify_bytes(sign(b"x" * MAX_BYTES), PUBLIC, NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"mesh_id": b"short"},
        {"public_key": b"x" * 31},
        {"subject": ""},
        {"subject": "w" * 65},
        {"subject": "w 1"},
        {"subject": "w-1\n"},
        {"subject": "../w"},
        {"role": "admin"},
        {"trust": "much"},
        {"expires_at": "never"},
        {"issued_at": None},
    ],
)
def test_even_the_mesh_cannot_sign_nonsense(changes: dict[str, Any]) -> None:
    values = {**msgspec.structs.asdict(MESH.credential(HOLDER)), **changes}
    with pytest.raises(CredentialError, match="malformed"):
        verify_bytes(sign(msgspec.msgpack.encode(list(values.values()))), PUBLIC, NOW)


def test_a_missing_field_is_refused() -> None:
    values = list(msgspec.structs.asdict(MESH.credential(HOLDER)).values())[:-1]
    with pytest.raises(CredentialError, match="malformed"):
        verify_bytes(sign(msgspec.msgpack.encode(values)), PUBLIC, NOW)


def test_ones_own_credential_can_be_read_without_the_mesh_key() -> None:
    assert peek(TEXT) == MESH.credential(HOLDER)
    for broken in ("", "A", "****", b64encode(b"x" * 100)):
        with pytest.raises(CredentialError, match="malformed"):
            peek(broken)


def test_issue_signs_exactly_what_verify_reads() -> None:
    wanted: Credential = MESH.credential(HOLDER, "c-1", role="coordinator", trust="vetted")
    assert verify(issue(wanted, MESH.key), PUBLIC, NOW) == wanted


def test_a_place_is_lasting_and_not_the_holders_to_choose() -> None:
    key = HOLDER.public_key().public_bytes_raw()
    assert place_of(key, MESH.key) == place_of(key, MESH.key) == verify(TEXT, PUBLIC, NOW).place
    assert place_of(key, MESH.key) != place_of(key, Mesh().key)
    assert place_of(key, MESH.key) != place_of(bytes(32), MESH.key)


def test_a_credential_names_the_key_that_signed_it() -> None:
    """Else one by an old key, which says that it is by the new one, would be good for as long as it likes."""
    newer = Mesh()
    trust = MeshTrust(founded(MESH.public_bytes).begin(MESH.key, newer.key))
    good = peek(TEXT)
    assert verify(TEXT, trust, NOW) == good
    claimed = msgspec.structs.replace(good, mesh_id=fingerprint(newer.public_bytes))
    assert verify(issue(claimed, newer.key), trust, NOW) == claimed
    for credential, key in ((claimed, MESH.key), (good, newer.key)):
        with pytest.raises(CredentialError, match="another key"):
            verify(issue(credential, key), trust, NOW)
