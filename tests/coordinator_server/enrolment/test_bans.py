"""Machines that are put out although nobody can read what the store has of them."""

from __future__ import annotations

import msgspec
import pytest

from coordinator_server.enrolment.bans import certificates_in, spelt, with_ban
from coordinator_server.enrolment.leases import Issued, Lease
from coordinator_server.store.interface import Versioned

LEASE = Lease(
    ip="10.42.0.9", certificate="PEM", issued=(Issued("aa", 100, "ca"), Issued("bb", 900, "ca")), renew_at=5
)


@pytest.mark.parametrize("row", [b"", b"?", b"[1]", b'"x"', b"{", b"\xff", b'{"a":' + b"[" * 100_000])
def test_of_what_is_no_object_nothing_is_made(row: bytes) -> None:
    assert with_ban(row, 7.0) is None
    assert certificates_in(row, 7.0) == {}


def test_what_others_can_read_stays_and_says_that_it_is_out() -> None:
    row = b'{"worker_id":"w-1","new":{"deep":[1.5,null]},"revoked_at":"once"}'
    assert with_ban(row, 7.5) == b'{"worker_id":"w-1","new":{"deep":[1.5,null]},"revoked_at":7.5}'


def test_certificates_are_found_where_only_the_rest_is_bad() -> None:
    row = msgspec.json.encode({"trust": 3, "vpn": LEASE})
    assert certificates_in(row, 500.0) == LEASE.blocked(500.0) != {}
    assert set(certificates_in(row, 500.0)) == {"bb"}
    assert certificates_in(b'{"vpn":{"ip":3}}', 500.0) == {}


def test_an_id_is_meant_with_the_capitals_with_which_it_was_let_in() -> None:
    listed = [(f"identity/{n}", Versioned(one, 1)) for n, one in enumerate((b"Anna", b"anne", b"\xff"))]
    assert spelt("anna", listed) == {"anna", "Anna"}
    assert spelt("ANNE", ()) == {"ANNE"}
