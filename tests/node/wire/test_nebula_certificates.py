"""Nebula certificates: the same bytes as `nebula-cert` writes, and nothing accepted that Nebula would refuse."""

from __future__ import annotations

import base64
import contextlib
import time
from dataclasses import replace
from ipaddress import IPv4Interface
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from node.wire.nebula_certificates import (
    MAX_BYTES,
    CertificateError,
    NebulaCertificate,
    check_authority,
    check_member_key,
    decode,
    encode,
    encode_details,
    sign,
    verify,
)
from node.wire.nebula_pem import certificate_pem, read_certificate
from node.wire.protobuf import bytes_field, number_field, packed_field
from tests.support.nebula_cert import NebulaCert, seconds

NOW = 1_800_000_000
DAY = 86400
NETWORK = IPv4Interface("10.42.0.0/16")
KEY = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
MEMBER_KEY = X25519PrivateKey.from_private_bytes(b"\x02" * 32).public_key().public_bytes_raw()


def authority(key: Ed25519PrivateKey = KEY, **changes: Any) -> NebulaCertificate:
    plain = NebulaCertificate(
        name="a mesh",
        public_key=key.public_key().public_bytes_raw(),
        not_before=NOW - DAY,
        not_after=NOW + 100 * DAY,
        ips=(NETWORK,),
        groups=("worker", "coordinator"),
        is_ca=True,
    )
    return sign(replace(plain, **changes), key)


def member(ca: NebulaCertificate, key: Ed25519PrivateKey = KEY, **changes: Any) -> NebulaCertificate:
    plain = NebulaCertificate(
        name="w-1",
        public_key=MEMBER_KEY,
        not_before=NOW - 3600,
        not_after=NOW + 7 * DAY,
        ips=(IPv4Interface("10.42.0.16/16"),),
        groups=("worker",),
        issuer=ca.fingerprint,
    )
    return sign(replace(plain, **changes), key)


# --- beside nebula-cert ---------------------------------------------------------------------------------------


@pytest.mark.needs("nebula-cert")
@pytest.mark.parametrize(
    ("ca_words", "ip", "words"),
    [
        ([], "10.42.0.16/16", []),
        (
            ["-ips", "10.42.0.0/16,192.168.7.1/24", "-groups", "worker,vetted"],
            "10.42.255.254/16",
            ["-groups", "vetted,worker"],
        ),
        (["-subnets", "10.0.0.0/8"], "172.16.0.1/12", ["-subnets", "10.1.2.0/24,10.9.0.0/16", "-duration", "1h"]),
        (["-groups", "grüße,日本"], "1.2.3.4/32", ["-groups", "日本"]),
    ],
)
def test_the_same_inputs_give_the_same_bytes(
    tmp_path: Path, ca_words: list[str], ip: str, words: list[str]
) -> None:
    program = NebulaCert(tmp_path)
    program.ca("Ein größeres Netz", *ca_words)
    program.member("w-1", ip, words)
    raw = base64.b64decode("".join(program.read("ca.key").splitlines()[1:-1]))
    key = Ed25519PrivateKey.from_private_bytes(raw[:32])  # its public half follows
    for name, public_key in (("ca.crt", key.public_key().public_bytes_raw()), ("member.crt", None)):
        theirs = read_certificate(program.read(name))
        told = program.print(program.read(name))
        details = told["details"]
        ours = sign(
            NebulaCertificate(
                name=details["name"],
                public_key=public_key or bytes.fromhex(details["publicKey"]),
                not_before=seconds(details["notBefore"]),
                not_after=seconds(details["notAfter"]),
                ips=tuple(map(IPv4Interface, details["ips"])),
                subnets=tuple(map(IPv4Interface, details["subnets"])),
                groups=tuple(details["groups"]),
                is_ca=details["isCa"],
                issuer=details["issuer"],
            ),
            key,
        )
        assert ours == theirs
        assert certificate_pem(ours) == program.read(name)
        assert ours.fingerprint == told["fingerprint"]


@pytest.mark.needs("nebula-cert")
def test_nebula_cert_reads_and_accepts_what_we_sign(tmp_path: Path) -> None:
    program, now = NebulaCert(tmp_path), int(time.time())
    ca = authority(not_before=now - DAY, not_after=now + 100 * DAY)
    ours = member(ca, not_before=now - 3600, not_after=now + DAY)
    told = program.print(certificate_pem(ours))
    assert told["fingerprint"] == ours.fingerprint
    assert told["details"]["ips"] == ["10.42.0.16/16"]
    assert told["details"]["groups"] == ["worker"]
    assert (seconds(told["details"]["notBefore"]), seconds(told["details"]["notAfter"])) == (now - 3600, now + DAY)
    assert program.accepts(certificate_pem(ours), certificate_pem(ca))
    verify(ours, [ca], now)


OTHER = Ed25519PrivateKey.from_private_bytes(b"\x03" * 32)
WRONG: list[tuple[str, dict[str, Any], Ed25519PrivateKey]] = [
    ("signature", {}, OTHER),
    ("not signed by an authority", {"issuer": authority(OTHER).fingerprint}, OTHER),
    ("not signed by an authority", {"issuer": ""}, KEY),
    ("not signed by an authority", {"is_ca": True}, KEY),
    ("is over", {"not_after": NOW - 60}, KEY),
    ("not come yet", {"not_before": NOW + 3600}, KEY),
    ("authority's time", {"not_after": NOW + 101 * DAY}, KEY),
    ("authority's time", {"not_before": NOW - 2 * DAY}, KEY),
    ("group", {"groups": ("worker", "admin")}, KEY),
    ("address", {"ips": (IPv4Interface("10.43.0.1/16"),)}, KEY),
    ("address", {"ips": (IPv4Interface("10.42.0.1/8"),)}, KEY),
]


@pytest.mark.parametrize(("why", "changes", "key"), WRONG)
def test_what_an_authority_does_not_stand_for_is_refused(
    why: str, changes: dict[str, Any], key: Ed25519PrivateKey
) -> None:
    with pytest.raises(CertificateError, match=why):
        verify(member(authority(), key, **changes), [authority()], NOW)


@pytest.mark.needs("nebula-cert")
@pytest.mark.parametrize(("why", "changes", "key"), WRONG[:2] + WRONG[4:])
def test_nebula_cert_refuses_the_same(
    tmp_path: Path, why: str, changes: dict[str, Any], key: Ed25519PrivateKey
) -> None:
    """The same cases at the present time, which is the only one that the program knows."""
    shift = int(time.time()) - NOW
    ca = authority(not_before=NOW - DAY + shift, not_after=NOW + 100 * DAY + shift)
    times = {"not_before": NOW - 3600, "not_after": NOW + 7 * DAY} | changes
    moved = {name: times[name] + shift for name in ("not_before", "not_after")}
    wrong = member(ca, key, **(changes | moved))
    assert not NebulaCert(tmp_path).accepts(certificate_pem(wrong), certificate_pem(ca)), why


def test_an_authority_that_is_over_stands_for_nobody() -> None:
    with pytest.raises(CertificateError, match="authority's time is over"):
        verify(member(authority(not_after=NOW - 1)), [authority(not_after=NOW - 1)], NOW)


def test_a_bundle_of_two_authorities_takes_members_of_both() -> None:
    bundle = [authority(), authority(OTHER)]
    verify(member(bundle[0]), bundle, NOW)
    verify(member(bundle[1], OTHER), bundle, NOW)


def test_an_authority_signs_itself() -> None:
    check_authority(authority())
    for wrong in (member(authority()), replace(authority(), name="another")):
        with pytest.raises(CertificateError):
            check_authority(wrong)


# --- bytes from anybody ---------------------------------------------------------------------------------------

INTERFACES = st.builds(
    lambda ip, prefix: IPv4Interface((ip, prefix)), st.integers(0, 2**32 - 1), st.integers(0, 32)
)
CERTIFICATES = st.builds(
    NebulaCertificate,
    name=st.text(st.characters(exclude_categories=["Cs"]), max_size=80),
    public_key=st.binary(min_size=32, max_size=32),
    not_before=st.integers(0, 2**40),
    not_after=st.integers(0, 2**40),
    ips=st.lists(INTERFACES, max_size=5).map(tuple),
    subnets=st.lists(INTERFACES, max_size=5).map(tuple),
    groups=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=5).map(tuple),
    is_ca=st.booleans(),
    issuer=st.one_of(st.just(""), st.binary(min_size=32, max_size=32).map(bytes.hex)),
    signature=st.binary(min_size=64, max_size=64),
)


@given(CERTIFICATES)
def test_what_is_written_is_read_again(certificate: NebulaCertificate) -> None:
    assert decode(encode(certificate)) == certificate


@given(CERTIFICATES, st.data())
def test_a_changed_byte_is_refused_or_another_certificate(
    certificate: NebulaCertificate, data: st.DataObject
) -> None:
    spoilt = bytearray(encode(certificate))
    at = data.draw(st.integers(0, len(spoilt) - 1))
    spoilt[at] ^= data.draw(st.integers(1, 255))
    try:
        found = decode(bytes(spoilt))
    except CertificateError:
        return
    assert found != certificate
    assert encode(found) == spoilt


@given(
    st.one_of(
        st.binary(max_size=600),
        st.binary(max_size=300).map(lambda data: bytes_field(1, data) + bytes_field(2, bytes(64))),
    )
)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(CertificateError):
        assert encode(decode(data)) == data


def spelled(*details: bytes, signature: bytes = bytes(64)) -> bytes:
    return bytes_field(1, b"".join(details)) + bytes_field(2, signature)


PUBLIC = bytes_field(7, bytes(32))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "details and a signature"),
        (spelled(PUBLIC)[:-1], "ends within"),
        (spelled(PUBLIC) + number_field(3, 1), "details and a signature"),
        (spelled(PUBLIC, signature=bytes(63)), "63 bytes"),
        (spelled(bytes_field(7, bytes(65))), "65 bytes"),
        (spelled(PUBLIC, bytes_field(9, bytes(20))), "20 bytes"),
        (spelled(PUBLIC, number_field(100, 1)), "another curve"),
        (spelled(PUBLIC, number_field(11, 1)), "field 11"),
        (spelled(PUBLIC, PUBLIC), "field 7"),
        (spelled(bytes_field(1, b"\xff"), PUBLIC), "malformed"),
        (spelled(packed_field(2, [1, 2, 3]), PUBLIC), "pairs"),
        (spelled(packed_field(2, [1, 0xFF00FF00]), PUBLIC), "is none"),
        (spelled(packed_field(2, [2**32, 0xFFFFFFFF]), PUBLIC), "is none"),
        (spelled(bytes_field(2, b""), PUBLIC), "one way"),
        (spelled(number_field(2, 7), PUBLIC), "is a number"),
        (spelled(number_field(5, 2**64 - 1), PUBLIC), "no number"),
        (spelled(PUBLIC, bytes_field(1, b"late")), "one way"),
        (spelled(PUBLIC, number_field(8, 2)), "one way"),
        (bytes(MAX_BYTES + 1), "larger"),
    ],
)
def test_what_nobody_writes_is_refused_with_its_reason(data: bytes, why: str) -> None:
    with pytest.raises(CertificateError, match=why):
        decode(data)


def test_the_signature_is_over_the_details_alone() -> None:
    certificate = member(authority())
    KEY.public_key().verify(certificate.signature, encode_details(certificate))


LOW_ORDER = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]


@pytest.mark.parametrize("key", [bytes.fromhex(text) for text in LOW_ORDER] + [b"", bytes(31), b"x" * 33])
def test_a_key_that_keeps_no_secret_is_refused(key: bytes) -> None:
    with pytest.raises(CertificateError, match="X25519"):
        check_member_key(key)


def test_a_members_key_is_taken() -> None:
    check_member_key(MEMBER_KEY)
    assert len(base64.b64encode(MEMBER_KEY)) == 44
