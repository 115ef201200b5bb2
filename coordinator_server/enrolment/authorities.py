"""The authorities that sign certificates for the overlay, and how one takes another's place.

Pure but for the making of keys. A rotation has two steps between its begin and its end, so that at no moment a
machine meets another one whose authority it does not know: `spreading` gives everybody the new authority beside the
old one, which still signs; `replacing` gives everybody a certificate by the new one; then the old one is dropped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator_server.enrolment.sealing import SealError, seal, unseal
from node.wire.credentials import Role, Trust
from node.wire.mesh_keys import Phase, SigningKey
from node.wire.nebula_certificates import CertificateError, NebulaCertificate, check_authority, sign
from node.wire.nebula_pem import certificate_pem, read_certificate

AUTHORITY_LIFE = 10 * 365 * 86400  # seconds
AUTHORITY_BACKDATE = 86400
BACKDATE = 3600  # seconds: a machine whose clock is slow takes a new certificate too
SEAL_PURPOSE = b"nebula authority"
DIGEST_CHARACTERS = 16
ROLES: Sequence[Role] = ("worker", "coordinator")
TRUSTS: Sequence[Trust] = ("volunteer", "vetted")


class SealedAuthority(msgspec.Struct, frozen=True):
    """An authority as the store keeps it."""

    certificate: str  # PEM
    sealed_key: bytes


class Authorities(msgspec.Struct, frozen=True):
    """All authorities that members have to know; the first one signs. `since` is Unix seconds."""

    phase: Phase
    since: float
    members: tuple[SealedAuthority, ...]


@dataclass(frozen=True, slots=True)
class Signer:
    """The authorities, opened: makes members' certificates."""

    certificates: tuple[NebulaCertificate, ...]  # the first one is the key's
    key: Ed25519PrivateKey = field(repr=False)

    @property
    def authority(self) -> NebulaCertificate:
        return self.certificates[0]

    @property
    def network(self) -> IPv4Network:
        return self.authority.ips[0].network

    @property
    def bundle(self) -> str:
        """Name the set of authorities, whichever of them signs."""
        prints = sorted(certificate.fingerprint for certificate in self.certificates)
        return hashlib.sha256("".join(prints).encode()).hexdigest()[:DIGEST_CHARACTERS]

    @property
    def pem(self) -> str:
        return "".join(map(certificate_pem, self.certificates))

    def issue(
        self, name: str, ip: IPv4Address, groups: tuple[str, ...], public_key: bytes, *, now: float, life: float
    ) -> NebulaCertificate:
        """Sign a member's certificate, which never reaches outside of the authority's own time."""
        authority = self.authority
        plain = NebulaCertificate(
            name=name,
            public_key=public_key,
            not_before=max(int(now) - BACKDATE, authority.not_before),
            not_after=min(int(now + life), authority.not_after),
            ips=(IPv4Interface((ip, self.network.prefixlen)),),
            groups=groups,
            issuer=authority.fingerprint,
        )
        return sign(plain, self.key)


def groups_of(role: Role, trust: Trust) -> tuple[str, ...]:
    """Return the groups by which the overlay's firewalls know a member."""
    return (role, trust)


def make_authority(name: str, network: IPv4Network, now: float, mesh_key: SigningKey) -> SealedAuthority:
    """Make an authority that may give addresses of this network and our groups only."""
    key = Ed25519PrivateKey.generate()
    plain = NebulaCertificate(
        name=name,
        public_key=key.public_key().public_bytes_raw(),
        not_before=int(now) - AUTHORITY_BACKDATE,
        not_after=int(now) + AUTHORITY_LIFE,
        ips=(IPv4Interface(network),),
        groups=(*ROLES, *TRUSTS),
        is_ca=True,
    )
    return SealedAuthority(certificate_pem(sign(plain, key)), seal(mesh_key, SEAL_PURPOSE, key.private_bytes_raw()))


def open_signer(authorities: Authorities, mesh_key: SigningKey) -> Signer:
    """Open what the store keeps; raise SealError or CertificateError when it is not what we put there."""
    certificates = tuple(read_certificate(member.certificate) for member in authorities.members)
    for certificate in certificates:
        check_authority(certificate)
    raw = unseal(mesh_key, SEAL_PURPOSE, authorities.members[0].sealed_key)
    key = Ed25519PrivateKey.from_private_bytes(raw)
    if key.public_key().public_bytes_raw() != certificates[0].public_key:
        raise CertificateError("the authority's key is not the one of its certificate")
    if not certificates[0].ips:
        raise SealError("the authority has no network")
    return Signer(certificates, key)


def resealed(authorities: Authorities, old: SigningKey, new: SigningKey) -> Authorities:
    """Return the same authorities, with their keys sealed for another mesh key; raise SealError."""
    members = tuple(
        msgspec.structs.replace(
            member, sealed_key=seal(new, SEAL_PURPOSE, unseal(old, SEAL_PURPOSE, member.sealed_key))
        )
        for member in authorities.members
    )
    return msgspec.structs.replace(authorities, members=members)


# --- rotation -------------------------------------------------------------------------------------------------


def first(authority: SealedAuthority, now: float) -> Authorities:
    return Authorities("steady", now, (authority,))


def begin(authorities: Authorities, newer: SealedAuthority, now: float) -> Authorities:
    """Let everybody know the new authority; the old one goes on signing."""
    return Authorities("spreading", now, (authorities.members[0], newer))


def onwards(authorities: Authorities, now: float) -> Authorities:
    """Return the rotation's next step: the new authority signs, then the old one is dropped."""
    if authorities.phase == "spreading":
        older, newer = authorities.members
        return Authorities("replacing", now, (newer, older))
    return Authorities("steady", now, authorities.members[:1])
