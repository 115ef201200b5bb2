"""A member's lease in the overlay: its address, and every certificate for it that has not expired. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from node.wire.credentials import CLOCK_SKEW
from node.wire.nebula_certificates import NebulaCertificate
from node.wire.nebula_pem import certificate_pem, read_certificate

MOST_LIVE = 16  # certificates of one member at a time; it needs two, and a few more when its key was lost
EARLY = 0.1  # of half a life: members' clocks are not ours, and who asks a little early is not to ask again soon


class Issued(msgspec.Struct, frozen=True):
    """What has to be remembered of a certificate until it has expired (Unix seconds)."""

    fingerprint: str
    not_after: int
    authority: str  # fingerprint of who signed it


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """What a member of the overlay was given, and what it said that it uses."""

    ip: str
    certificate: str  # PEM; the newest
    issued: tuple[Issued, ...]  # the newest last
    renew_at: float  # when half of the newest one's life has passed (Unix seconds)
    used: str = ""  # fingerprint of the certificate in use
    bundle: str = ""  # the set of authorities in use

    @property
    def newest(self) -> Issued:
        return self.issued[-1]

    def read(self) -> NebulaCertificate:
        return read_certificate(self.certificate)

    def is_live(self, now: float) -> bool:
        """Say whether any of its certificates may still be taken somewhere."""
        return now <= self.reserved_until

    @property
    def reserved_until(self) -> float:
        """Return when the address may be another's: both clocks may be wrong."""
        return max(issued.not_after for issued in self.issued) + 2 * CLOCK_SKEW

    def blocked(self, now: float) -> Mapping[str, float]:
        """Return the fingerprints that a revocation has to name, and until when each."""
        ends = {issued.fingerprint: issued.not_after + 2 * CLOCK_SKEW for issued in self.issued}
        return {fingerprint: until for fingerprint, until in ends.items() if until > now}


def outdated(lease: Lease | None, public_key: bytes, now: float) -> Mapping[str, float]:
    """Return what to block when a member has another key than before, and until when: it has the old one no more.

    So none of its tunnels needs them, and whoever has found the old key could be the member with them.
    """
    return {} if lease is None or lease.read().public_key == public_key else lease.blocked(now)


def new_lease(certificate: NebulaCertificate, now: float) -> Lease:
    return Lease(
        ip=str(certificate.ips[0].ip),
        certificate=certificate_pem(certificate),
        issued=(Issued(certificate.fingerprint, certificate.not_after, certificate.issuer),),
        renew_at=half(certificate, now),
    )


def with_certificate(lease: Lease, certificate: NebulaCertificate, now: float) -> Lease:
    """Return the lease with a newer certificate, maybe for another address."""
    live = [issued for issued in lease.issued if issued.not_after + 2 * CLOCK_SKEW > now]
    added = Issued(certificate.fingerprint, certificate.not_after, certificate.issuer)
    return msgspec.structs.replace(
        lease,
        ip=str(certificate.ips[0].ip),
        certificate=certificate_pem(certificate),
        issued=(*(issued for issued in live if issued != added), added),
        renew_at=half(certificate, now),
    )


def half(certificate: NebulaCertificate, now: float) -> float:
    """Return when half of the time has passed for which a certificate is good from now on."""
    return (now + certificate.not_after) / 2


def is_full(lease: Lease, now: float) -> bool:
    """Say whether a member has asked for so many certificates that it has to wait until some have expired."""
    return sum(issued.not_after + 2 * CLOCK_SKEW > now for issued in lease.issued) >= MOST_LIVE


def still_good(lease: Lease, authority: str, groups: Sequence[str], public_key: bytes, now: float) -> bool:
    """Say whether the newest certificate says what a new one would, and has most of its life before it."""
    found = lease.read()
    return (
        found.issuer == authority
        and found.groups == tuple(groups)
        and found.public_key == public_key
        and found.not_before <= now < lease.renew_at - EARLY * (found.not_after - lease.renew_at)
    )
