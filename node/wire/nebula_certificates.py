"""Nebula's certificates, version 1: made, signed, read and verified here, byte for byte as `nebula-cert` does.

A certificate is the Protocol Buffers message RawNebulaCertificate {Details = 1, Signature = 2} (slackhq/nebula,
cert/cert.proto). Details are {Name = 1, Ips = 2, Subnets = 3, Groups = 4, NotBefore = 5, NotAfter = 6,
PublicKey = 7, IsCA = 8, Issuer = 9, Curve = 100}; the signature is Ed25519 (RFC 8032) over the encoded details. A
member's public key is an X25519 key (RFC 7748), an authority's an Ed25519 key.

What is read has to be written in the one way in which we would write it: so a certificate has one fingerprint only,
and nobody gets a blocked one accepted by writing it differently.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Interface, IPv4Network

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from node.wire.protobuf import ProtobufError, bytes_field, fields, number_field, packed_field, packed_numbers

KEY_BYTES = 32
SIGNATURE_BYTES = 64
DIGEST_BYTES = 32
MAX_BYTES = 8192  # of a certificate; ours have about 250
MAX_ITEMS = 256  # addresses, networks or groups of one certificate
MAX_TIME = 2**62  # seconds

NAME, IPS, SUBNETS, GROUPS, NOT_BEFORE, NOT_AFTER, PUBLIC_KEY, IS_CA, ISSUER, CURVE = (*range(1, 10), 100)
ONCE = {NAME, IPS, SUBNETS, NOT_BEFORE, NOT_AFTER, PUBLIC_KEY, IS_CA, ISSUER}


class CertificateError(ValueError):
    """A certificate or key that cannot be used; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class NebulaCertificate:
    """What a certificate says; times are Unix seconds, `issuer` is the authority's fingerprint or empty."""

    name: str
    public_key: bytes
    not_before: int
    not_after: int
    ips: tuple[IPv4Interface, ...] = ()  # a member's addresses; the networks that an authority may give them from
    subnets: tuple[IPv4Interface, ...] = ()  # unsafe routes
    groups: tuple[str, ...] = ()
    is_ca: bool = False
    issuer: str = ""
    signature: bytes = b""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the encoded certificate in hex, as `pki.blocklist` and `nebula-cert print` have it."""
        return hashlib.sha256(encode(self)).hexdigest()


# --- writing --------------------------------------------------------------------------------------------------


def encode(certificate: NebulaCertificate) -> bytes:
    """Return the bytes that stand in a certificate file."""
    return bytes_field(1, encode_details(certificate)) + bytes_field(2, certificate.signature)


def encode_details(certificate: NebulaCertificate) -> bytes:
    """Return the bytes that an authority signs."""
    return b"".join(
        (
            bytes_field(NAME, certificate.name.encode()) if certificate.name else b"",
            packed_field(IPS, _numbers(certificate.ips)),
            packed_field(SUBNETS, _numbers(certificate.subnets)),
            *(bytes_field(GROUPS, group.encode()) for group in certificate.groups),
            number_field(NOT_BEFORE, certificate.not_before),
            number_field(NOT_AFTER, certificate.not_after),
            bytes_field(PUBLIC_KEY, certificate.public_key),
            number_field(IS_CA, certificate.is_ca),
            bytes_field(ISSUER, bytes.fromhex(certificate.issuer)) if certificate.issuer else b"",
        )
    )


def sign(certificate: NebulaCertificate, key: Ed25519PrivateKey) -> NebulaCertificate:
    """Return the certificate with an authority's signature; `issuer` has to be right already."""
    return replace(certificate, signature=key.sign(encode_details(certificate)))


def _numbers(interfaces: Iterable[IPv4Interface]) -> Iterable[int]:
    for interface in interfaces:
        yield int(interface.ip)
        yield int(interface.netmask)


# --- reading --------------------------------------------------------------------------------------------------


def decode(data: bytes) -> NebulaCertificate:
    """Read a certificate that may come from anybody; raise CertificateError. Whether it is true, `verify` says."""
    if len(data) > MAX_BYTES:
        raise CertificateError(f"the certificate is larger than {MAX_BYTES} bytes")
    try:
        certificate = _decode(data)
    except (ProtobufError, UnicodeDecodeError) as error:
        raise CertificateError(f"the certificate is malformed: {error}") from None
    if encode(certificate) != data:
        raise CertificateError("the certificate is not written in the one way that counts")
    return certificate


def _decode(data: bytes) -> NebulaCertificate:
    parts = dict(fields(data))
    details, signature = parts.get(1), parts.get(2)
    if not isinstance(details, bytes) or not isinstance(signature, bytes) or len(parts) != 2:
        raise ProtobufError("it is not of details and a signature")
    if len(signature) != SIGNATURE_BYTES:
        raise ProtobufError(f"its signature has {len(signature)} bytes in place of {SIGNATURE_BYTES}")
    found, groups = _details(details)
    public_key, issuer = _bytes(found, PUBLIC_KEY), _bytes(found, ISSUER)
    if len(public_key) != KEY_BYTES:
        raise ProtobufError(f"its public key has {len(public_key)} bytes in place of {KEY_BYTES}")
    if len(issuer) not in (0, DIGEST_BYTES):
        raise ProtobufError(f"its issuer has {len(issuer)} bytes in place of {DIGEST_BYTES}")
    return NebulaCertificate(
        name=_bytes(found, NAME).decode(),
        public_key=public_key,
        not_before=_number(found, NOT_BEFORE),
        not_after=_number(found, NOT_AFTER),
        ips=_interfaces(_bytes(found, IPS)),
        subnets=_interfaces(_bytes(found, SUBNETS)),
        groups=tuple(groups),
        is_ca=bool(_number(found, IS_CA)),
        issuer=issuer.hex(),
        signature=signature,
    )


def _details(data: bytes) -> tuple[dict[int, int | bytes], list[str]]:
    found: dict[int, int | bytes] = {}
    groups: list[str] = []
    for number, value in fields(data):
        if number == GROUPS and isinstance(value, bytes) and len(groups) < MAX_ITEMS:
            groups.append(value.decode())
        elif number == CURVE:
            raise ProtobufError("its keys are on another curve than 25519")
        elif number in ONCE and number not in found:
            found[number] = value
        else:
            raise ProtobufError(f"field {number} has no place there")
    return found, groups


def _bytes(found: dict[int, int | bytes], field: int) -> bytes:
    value = found.get(field, b"")
    if not isinstance(value, bytes):
        raise ProtobufError(f"field {field} is a number")
    return value


def _number(found: dict[int, int | bytes], field: int) -> int:
    value = found.get(field, 0)
    if not isinstance(value, int) or value > MAX_TIME:
        raise ProtobufError(f"field {field} is no number of its kind")
    return value


def _interfaces(data: bytes) -> tuple[IPv4Interface, ...]:
    numbers = packed_numbers(data)
    if len(numbers) % 2 or len(numbers) > 2 * MAX_ITEMS:
        raise ProtobufError("its addresses are not pairs of address and mask")
    return tuple(_interface(ip, mask) for ip, mask in zip(numbers[::2], numbers[1::2], strict=True))


def _interface(ip: int, mask: int) -> IPv4Interface:
    inverse = mask ^ 0xFFFFFFFF
    if ip >= 2**32 or mask >= 2**32 or inverse & (inverse + 1):
        raise ProtobufError("one of its addresses is none")
    return IPv4Interface((ip, 32 - inverse.bit_length()))


# --- verifying ------------------------------------------------------------------------------------------------


def verify(certificate: NebulaCertificate, authorities: Sequence[NebulaCertificate], now: float) -> None:
    """Raise CertificateError unless one of these authorities stands for a member's certificate now, as Nebula says.

    The blocklist is not looked at.
    """
    authority = next((one for one in authorities if one.is_ca and one.fingerprint == certificate.issuer), None)
    if authority is None or certificate.is_ca:
        raise CertificateError("the certificate was not signed by an authority of this mesh")
    for what, one in (("authority's", authority), ("certificate's", certificate)):
        if now < one.not_before:
            raise CertificateError(f"the {what} time has not come yet: check this machine's clock")
        if now > one.not_after:
            raise CertificateError(f"the {what} time is over")
    check_signature(certificate, authority.public_key)
    check_limits(certificate, authority)


def check_signature(certificate: NebulaCertificate, public_key: bytes) -> None:
    """Raise CertificateError unless the holder of this Ed25519 key has signed."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(certificate.signature, encode_details(certificate))
    except (InvalidSignature, ValueError):
        raise CertificateError("the certificate's signature is wrong") from None


def check_authority(certificate: NebulaCertificate) -> None:
    """Raise CertificateError unless this is an authority that has signed itself."""
    if not certificate.is_ca or certificate.issuer:
        raise CertificateError("the certificate is not an authority's")
    check_signature(certificate, certificate.public_key)


def check_limits(certificate: NebulaCertificate, authority: NebulaCertificate) -> None:
    """Raise CertificateError when an authority has signed more than its own certificate allows it."""
    if certificate.not_after > authority.not_after or certificate.not_before < authority.not_before:
        raise CertificateError("the certificate is valid outside of its authority's time")
    if authority.groups and not set(certificate.groups) <= set(authority.groups):
        raise CertificateError("the certificate has a group that its authority may not give")
    if not _within(certificate.ips, authority.ips) or not _within(certificate.subnets, authority.subnets):
        raise CertificateError("the certificate has an address that its authority may not give")


def _within(given: Sequence[IPv4Interface], allowed: Sequence[IPv4Interface]) -> bool:
    networks: list[IPv4Network] = [interface.network for interface in allowed]
    return not networks or all(
        any(interface.ip in network and interface.network.prefixlen >= network.prefixlen for network in networks)
        for interface in given
    )


def check_member_key(public_key: bytes) -> None:
    """Raise CertificateError for what is no X25519 key, or one with which every secret is known to everybody."""
    try:
        X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(public_key))
    except ValueError:
        raise CertificateError("the key is not an X25519 public key that keeps a secret") from None
