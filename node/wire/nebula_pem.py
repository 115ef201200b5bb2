"""Nebula's files: certificates and raw keys between banners, as `nebula-cert` writes and reads them."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.wire.nebula_certificates import KEY_BYTES, CertificateError, NebulaCertificate, decode, encode

CERTIFICATE = "NEBULA CERTIFICATE"
NEWER_CERTIFICATE = "NEBULA CERTIFICATE V2"
KeyKind = Literal["NEBULA X25519 PUBLIC KEY", "NEBULA X25519 PRIVATE KEY"]
PUBLIC_KEY: KeyKind = "NEBULA X25519 PUBLIC KEY"
PRIVATE_KEY: KeyKind = "NEBULA X25519 PRIVATE KEY"
AUTHORITY_KEY = "NEBULA ED25519 PRIVATE KEY"

LINE = 64  # characters
MAX_CHARACTERS = 65536  # of a file
MAX_CERTIFICATES = 16  # of a bundle
# No part of it matches what the next one begins with, so that no text makes it run back and forth.
BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----\r?\n([A-Za-z0-9+/=\r\n]*)-----END ([A-Z0-9 ]{1,40})-----\s*")


def certificate_pem(certificate: NebulaCertificate) -> str:
    return _block(CERTIFICATE, encode(certificate))


def key_pem(kind: KeyKind, raw: bytes) -> str:
    """Return the file of a member's raw key."""
    return _block(kind, raw)


def authority_key_pem(key: Ed25519PrivateKey) -> str:
    """Return the file of an authority's key, which Go keeps with its public half."""
    return _block(AUTHORITY_KEY, key.private_bytes_raw() + key.public_key().public_bytes_raw())


def read_bundle(text: str) -> tuple[NebulaCertificate, ...]:
    """Return the certificates of a file with one or several; raise CertificateError."""
    blocks = _blocks(text)
    if not 1 <= len(blocks) <= MAX_CERTIFICATES:
        raise CertificateError(f"the file has {len(blocks)} certificates in place of 1 to {MAX_CERTIFICATES}")
    return tuple(_certificate(*block) for block in blocks)


def read_certificate(text: str) -> NebulaCertificate:
    """Return the only certificate of a file; raise CertificateError."""
    found = read_bundle(text)
    if len(found) != 1:
        raise CertificateError(f"the file has {len(found)} certificates in place of one")
    return found[0]


def read_key(kind: KeyKind, text: str) -> bytes:
    """Return the raw key of a member's file; raise CertificateError."""
    blocks = _blocks(text)
    if len(blocks) != 1 or blocks[0][0] != kind or len(blocks[0][1]) != KEY_BYTES:
        raise CertificateError(f"the file does not hold one {kind.removeprefix('NEBULA ').lower()}")
    return blocks[0][1]


def _certificate(banner: str, data: bytes) -> NebulaCertificate:
    if banner == NEWER_CERTIFICATE:
        raise CertificateError(
            "the certificate is of version 2, which not every Nebula reads; only version 1 is used here "
            "(nebula-cert from 1.10 on makes it with `-version 1`)"
        )
    if banner != CERTIFICATE:
        raise CertificateError(f"the file holds a {banner} in place of a certificate")
    return decode(data)


def _blocks(text: str) -> list[tuple[str, bytes]]:
    """Return banner and content of every block; raise CertificateError for anything else in between."""
    if len(text) > MAX_CHARACTERS:
        raise CertificateError(f"the file is larger than {MAX_CHARACTERS} characters")
    text, found, at = text.strip(), [], 0
    while at < len(text):
        block = BLOCK.match(text, at)
        if block is None or block[1] != block[3]:
            raise CertificateError("the file is not in Nebula's PEM form")
        try:
            found.append((block[1], base64.b64decode(re.sub(r"[\r\n]", "", block[2]), validate=True)))
        except binascii.Error:
            raise CertificateError("the file is damaged: it is not base64 between its banners") from None
        at = block.end()
    return found


def _block(banner: str, data: bytes) -> str:
    text = base64.b64encode(data).decode()
    lines = [text[at : at + LINE] for at in range(0, len(text), LINE)]
    return "\n".join([f"-----BEGIN {banner}-----", *lines, f"-----END {banner}-----", ""])
