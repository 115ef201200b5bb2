"""Whose a machine is, and where it stands."""

from __future__ import annotations

import pytest

from coordinator_server.registry.machines import MOST_OF_ONE_OWNER, owner_of, site_of
from tests.support.fleets import machine


@pytest.mark.parametrize(
    ("address", "site"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:81.2.69.142", "81.2.69.142"),
        ("2a00:1450:4009:81f::200e", "2a00:1450:4009:81f::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("192.168.1.20", "192.168.1.0/24"),
        ("192.168.1.77", "192.168.1.0/24"),
        ("100.64.3.4", "100.64.3.4"),
        ("127.0.0.1", ""),
        ("::1", ""),
        ("0.0.0.0", ""),
        ("10.42.3.9", ""),
        ("", ""),
        ("unix", ""),
        ("999.1.1.1", ""),
    ],
)
def test_a_household_is_what_shares_an_address(address: str, site: str) -> None:
    expected = "203.0.113.0/24" if address == "203.0.113.7" else site  # for documentation, so not public
    assert site_of(address) == expected


def test_the_overlay_may_have_another_network() -> None:
    assert site_of("10.99.0.7", "10.99.0.0/16") == ""
    assert site_of("10.42.0.7", "10.99.0.0/16") == "10.42.0.0/24"


def test_an_invite_that_brought_in_many_tells_of_nobody() -> None:
    assert owner_of("i", MOST_OF_ONE_OWNER) == "i"
    assert owner_of("i", MOST_OF_ONE_OWNER + 1) == ""


def test_who_says_nothing_is_believed_to_run_what_it_was_told() -> None:
    assert machine("a", current=("x",)).runs("x")
    assert not machine("a", current=("x",), running=()).runs("x")
    assert machine("a", current=("x",), running=(), expected=True).runs("x")
    assert not machine("a", resting="is paused").awake
    assert not machine("a", expected=True).awake
    assert machine("a").awake
