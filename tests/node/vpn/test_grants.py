"""A coordinator's grant becomes settings."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

import msgspec
import pytest

from node.vpn.grants import check_place, settings_of
from node.vpn.settings import Endpoint, Lighthouse, SettingsError
from node.wire import messages
from tests.support.overlay import Authority


def grant(*lighthouses: messages.Lighthouse, **more: Any) -> messages.VpnGrant:
    values = {"ip": "10.42.0.11", "network": "10.42.0.0/16", "ca": "ca", "bundle": "b", "certificate": "c"}
    return messages.VpnGrant(**{**values, "lighthouses": lighthouses, **more})


def test_lighthouses_relays_and_the_rest_are_taken_over() -> None:
    found = settings_of(
        grant(
            messages.Lighthouse(vpn_ip="10.42.0.1", endpoints=("mesh.example:4242", "198.51.100.7:4243")),
            messages.Lighthouse(vpn_ip="10.42.0.2", endpoints=("198.51.100.8:4242",), relay=False),
            messages.Lighthouse(vpn_ip="10.42.0.3"),
            cipher="chachapoly",
            mtu=1280,
        ),
        "key",
        blocklist=["ab" * 32],
    )
    first, second = IPv4Address("10.42.0.1"), IPv4Address("10.42.0.2")
    assert found.lighthouses == (
        Lighthouse(first, (Endpoint("mesh.example", 4242), Endpoint("198.51.100.7", 4243))),
        Lighthouse(second, (Endpoint("198.51.100.8", 4242),)),
    )
    assert found.relays == (first,)
    assert (found.cipher, found.mtu, found.private_key, found.blocklist) == (
        "chachapoly",
        1280,
        "key",
        ("ab" * 32,),
    )


@pytest.mark.parametrize(
    ("ip", "endpoint"),
    [
        *(("mesh", "x:1"), ("10.42.0.1", "x"), ("10.42.0.1", "x:y")),
        *(("10.42.0.1", "x:0"), ("10.42.0.1", "x:65536"), ("10.42.0.1", "[::1]:1"), ("10.42.0.1", "-x:1")),
    ],
)
def test_addresses_that_are_none_are_refused(ip: str, endpoint: str) -> None:
    with pytest.raises(SettingsError):
        settings_of(grant(messages.Lighthouse(vpn_ip=ip, endpoints=(endpoint,))), "key")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"network": "0.0.0.0/0"}, "certificate is not for 10.42.0.11 in 0.0.0.0/0"),
        ({"network": "10.42.0.0/15"}, "certificate is not for"),
        ({"network": "10.42.0.1/16"}, "host bits"),
        ({"ip": "10.42.0.12"}, "certificate is not for 10.42.0.12"),
        ({"ip": "router.lan"}, "router.lan"),
        ({"certificate": "none"}, "PEM"),
        ({"lighthouses": (messages.Lighthouse(vpn_ip="192.168.1.1"),)}, "192.168.1.1 is outside"),
        ({"lighthouses": (messages.Lighthouse(vpn_ip="router.lan"),)}, "router.lan"),
    ],
)
def test_a_grant_says_nothing_else_than_its_certificate(change: dict[str, Any], why: str) -> None:
    granted = Authority().grant(b"\x09" + bytes(31))
    check_place(granted)
    with pytest.raises(SettingsError, match=why):
        check_place(msgspec.structs.replace(granted, **change))
