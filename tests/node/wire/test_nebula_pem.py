"""Nebula's files: what `nebula-cert` writes is read, what we write it reads, and everything else is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from node.wire.nebula_certificates import CertificateError, NebulaCertificate, sign
from node.wire.nebula_pem import (
    MAX_CERTIFICATES,
    MAX_CHARACTERS,
    PRIVATE_KEY,
    PUBLIC_KEY,
    authority_key_pem,
    certificate_pem,
    key_pem,
    read_bundle,
    read_certificate,
    read_key,
)
from tests.support.nebula_cert import NebulaCert

KEY = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
CA = sign(
    NebulaCertificate(
        name="a mesh",
        public_key=KEY.public_key().public_bytes_raw(),
        not_before=1_000_000_000,
        not_after=4_000_000_000,
        is_ca=True,
    ),
    KEY,
)


def test_certificates_and_keys_are_read_as_they_were_written() -> None:
    assert read_certificate(certificate_pem(CA)) == CA
    assert read_bundle(certificate_pem(CA) + "\n" + certificate_pem(CA).replace("\n", "\r\n")) == (CA, CA)
    assert read_key(PUBLIC_KEY, key_pem(PUBLIC_KEY, b"\x07" * 32)) == b"\x07" * 32


@pytest.mark.needs("nebula-cert")
def test_nebula_cert_signs_with_the_files_that_we_write(tmp_path: Path) -> None:
    program = NebulaCert(tmp_path)
    member = X25519PrivateKey.generate()
    program.write("ca.crt", certificate_pem(CA))
    program.write("ca.key", authority_key_pem(KEY))
    program.write("member.pub", key_pem(PUBLIC_KEY, member.public_key().public_bytes_raw()))
    program.must("sign", "-name", "w-1", "-ip", "10.42.0.9/16", "-in-pub", "member.pub", "-out-crt", "w.crt")
    found = read_certificate(program.read("w.crt"))
    assert (found.name, found.public_key, found.issuer) == (
        "w-1",
        member.public_key().public_bytes_raw(),
        CA.fingerprint,
    )


@pytest.mark.needs("nebula-cert")
def test_the_keys_of_nebula_cert_are_read(tmp_path: Path) -> None:
    program = NebulaCert(tmp_path)
    program.must("keygen", "-out-key", "k.key", "-out-pub", "k.pub")
    private = X25519PrivateKey.from_private_bytes(read_key(PRIVATE_KEY, program.read("k.key")))
    assert read_key(PUBLIC_KEY, program.read("k.pub")) == private.public_key().public_bytes_raw()
    assert key_pem(PRIVATE_KEY, private.private_bytes_raw()) == program.read("k.key")


PEM = certificate_pem(CA)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "0 certificates"),
        ("hello", "PEM form"),
        (PEM + "and more", "PEM form"),
        (PEM.replace("END NEBULA CERTIFICATE", "END NEBULA SOMETHING"), "PEM form"),
        (PEM.replace("CERTIFICATE-----", "CERTIFICATE V2-----"), "version 2.*-version 1"),
        (PEM.replace("CERTIFICATE", "X25519 PUBLIC KEY"), "in place of a certificate"),
        (PEM.replace("\n-----END", "A\n-----END"), "base64|one way|malformed"),
        (PEM.replace("-----\n", "-----\n=", 1), "base64"),
        (PEM * (MAX_CERTIFICATES + 1), "certificates in place"),
        (PEM + " " * MAX_CHARACTERS, "larger"),
        (PEM.replace("-----", "\n"), "PEM form"),
    ],
)
def test_what_is_no_certificate_file_is_refused_with_its_reason(text: str, why: str) -> None:
    with pytest.raises(CertificateError, match=why):
        read_certificate(text)


def test_one_certificate_is_not_two() -> None:
    with pytest.raises(CertificateError, match="2 certificates"):
        read_certificate(PEM + PEM)


@pytest.mark.parametrize("text", ["", PEM, key_pem(PRIVATE_KEY, bytes(32)), key_pem(PUBLIC_KEY, bytes(31))])
def test_a_key_file_holds_one_key_of_its_kind(text: str) -> None:
    with pytest.raises(CertificateError, match="x25519 public key"):
        read_key(PUBLIC_KEY, text)


@given(
    st.one_of(
        st.text(max_size=300),
        st.text("-BEGINDCRTFAL \n=AQ", max_size=300),
        st.binary(max_size=200).map(
            lambda data: key_pem(PUBLIC_KEY, data).replace("X25519 PUBLIC KEY", "CERTIFICATE")
        ),
    )
)
def test_any_text_is_refused_in_our_own_words(text: str) -> None:
    with pytest.raises(CertificateError):
        read_bundle(text)
