"""Where members are told to look for a coordinator."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

import msgspec
import pytest

from coordinator_server.config import CoordinatorConfig
from coordinator_server.vpn.endpoints import MOST, advertised, own_addresses
from node.wire.messages import Lighthouse

OWN = tuple(map(IPv4Address, ("10.42.0.1", "127.0.0.1", "169.254.7.7", "192.168.1.5", "203.0.113.9")))


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({}, ()),  # this machine alone
        ({"host": "localhost"}, ()),
        ({"host": "::1"}, ()),
        ({"host": "2001:db8::1"}, ()),
        ({"host": "198.51.100.7"}, ("198.51.100.7:4242",)),
        ({"host": "mesh.example.org"}, ("mesh.example.org:4242",)),
        ({"public_url": "https://mesh.example.org/"}, ("mesh.example.org:4242",)),
        ({"public_url": "http://localhost:8080"}, ()),
        ({"public_url": "http://[2001:db8::1]:8080"}, ()),
        (
            {"public_url": "https://mesh.example.org:8443", "host": "198.51.100.7"},
            ("mesh.example.org:4242", "198.51.100.7:4242"),
        ),
        ({"public_url": "https://198.51.100.7", "host": "198.51.100.7"}, ("198.51.100.7:4242",)),
        ({"public_url": "https://mesh.example.org", "host": "0.0.0.0"}, ("mesh.example.org:4242",)),
        ({"host": "0.0.0.0"}, ("192.168.1.5:4242", "203.0.113.9:4242")),
        ({"host": "0.0.0.0", "vpn_network": "192.168.0.0/16"}, ("10.42.0.1:4242", "203.0.113.9:4242")),
        ({"public_url": "https://mesh.example.org./"}, ("mesh.example.org:4242",)),
        ({"public_url": "https://m\u00fcnchen.example/"}, ("xn--mnchen-3ya.example:4242",)),
        ({"public_url": "http://rma_coordinator:8080"}, ()),
        (
            {"public_url": "http://rma_coordinator:8080", "host": "0.0.0.0"},
            ("192.168.1.5:4242", "203.0.113.9:4242"),
        ),
        ({"public_url": f"http://{'a' * 64}.example", "host": "198.51.100.7"}, ("198.51.100.7:4242",)),
        (
            {"vpn_endpoints": ("nat.example.org", "198.51.100.8:14242"), "host": "0.0.0.0"},
            ("nat.example.org:4242", "198.51.100.8:14242"),
        ),
    ],
)
def test_settings_and_addresses_say_where_members_find_us(settings: dict[str, Any], found: tuple[str, ...]) -> None:
    assert advertised(CoordinatorConfig(**settings), 4242, OWN) == found
    granted = {"vpn_ip": "10.42.0.1", "endpoints": found}
    assert msgspec.convert(granted, Lighthouse).endpoints == found, "members can read it"


def test_the_port_is_the_one_in_use_and_without_one_there_is_nothing_to_tell() -> None:
    config = CoordinatorConfig(host="198.51.100.7")
    assert advertised(config, 4245) == ("198.51.100.7:4245",)
    assert advertised(config, 0) == ()


def test_no_more_than_a_grant_holds() -> None:
    many = [IPv4Address(f"192.168.1.{number}") for number in range(1, 40)]
    assert len(advertised(CoordinatorConfig(host="0.0.0.0"), 4242, many)) == MOST


def test_this_machine_has_addresses() -> None:
    assert IPv4Address("127.0.0.1") in list(own_addresses())
