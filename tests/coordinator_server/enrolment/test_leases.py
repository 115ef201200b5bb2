"""A lease remembers each certificate for as long as anybody may take it, and says when a new one is due."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Interface

import msgspec

from coordinator_server.enrolment.leases import (
    MOST_LIVE,
    Lease,
    is_full,
    new_lease,
    still_good,
    with_certificate,
)
from node.wire.credentials import CLOCK_SKEW
from node.wire.nebula_certificates import NebulaCertificate

NOW = 1_800_000_000
WEEK = 7 * 86400
KEY, AUTHORITY, GROUPS = b"k" * 32, "ab" * 32, ("worker", "volunteer")


def certificate(now: int = NOW, ip: str = "10.42.0.16") -> NebulaCertificate:
    return NebulaCertificate(
        name="w-1",
        public_key=KEY,
        not_before=now - 3600,
        not_after=now + WEEK,
        ips=(IPv4Interface(ip + "/16"),),
        groups=GROUPS,
        issuer=AUTHORITY,
        signature=bytes(64),
    )


def good(lease: Lease, now: float = NOW, authority: str = AUTHORITY, groups: tuple[str, ...] = GROUPS) -> bool:
    return still_good(lease, authority, groups, KEY, now)


def test_it_is_kept_over_the_store() -> None:
    lease = new_lease(certificate(), NOW)
    assert msgspec.json.decode(msgspec.json.encode(lease), type=Lease) == lease
    assert lease.read() == certificate()
    assert lease.ip == "10.42.0.16"


def test_a_certificate_is_kept_until_nearly_half_of_it_is_spent() -> None:
    lease = new_lease(certificate(), NOW)
    assert lease.renew_at == NOW + WEEK / 2
    assert good(lease)
    assert good(lease, NOW + 0.4 * WEEK)
    assert not good(lease, NOW + 0.46 * WEEK)
    assert not good(lease, NOW - 3601)


def test_a_certificate_is_replaced_when_it_would_say_something_else() -> None:
    lease = new_lease(certificate(), NOW)
    assert not good(lease, authority="cd" * 32)
    assert not good(lease, groups=("worker", "vetted"))
    assert not still_good(lease, AUTHORITY, GROUPS, b"x" * 32, NOW)


def test_older_certificates_are_remembered_until_nobody_takes_them() -> None:
    first, second, third = (certificate(NOW + day * 86400) for day in (0, 4, 8))
    lease = with_certificate(new_lease(first, NOW), second, second.not_after - WEEK)
    assert [issued.fingerprint for issued in lease.issued] == [first.fingerprint, second.fingerprint]
    assert set(lease.blocked(NOW + 4 * 86400)) == {first.fingerprint, second.fingerprint}
    assert lease.blocked(first.not_after)[first.fingerprint] == first.not_after + 2 * CLOCK_SKEW
    assert set(lease.blocked(first.not_after + 2 * CLOCK_SKEW)) == {second.fingerprint}
    lease = with_certificate(lease, third, NOW + 8 * 86400)
    assert [issued.fingerprint for issued in lease.issued] == [second.fingerprint, third.fingerprint]
    assert lease.newest.fingerprint == third.fingerprint


def test_an_address_is_reserved_until_its_last_certificate_has_expired_by_every_clock() -> None:
    lease = new_lease(certificate(), NOW)
    end = NOW + WEEK + 2 * CLOCK_SKEW
    assert lease.reserved_until == end
    assert lease.is_live(end)
    assert not lease.is_live(end + 1)


def test_nobody_fills_the_blocklist_with_certificates() -> None:
    lease = new_lease(certificate(), NOW)
    for number in range(1, MOST_LIVE):
        assert not is_full(lease, NOW + number)
        lease = with_certificate(lease, certificate(NOW + number), NOW + number)
    assert is_full(lease, NOW + MOST_LIVE)
    assert not is_full(lease, NOW + WEEK + 2 * CLOCK_SKEW + 1)


def test_the_same_certificate_is_remembered_once() -> None:
    made = replace(certificate())
    assert len(with_certificate(new_lease(made, NOW), made, NOW).issued) == 1
