from __future__ import annotations

import socket
from collections import namedtuple

import psutil
import pytest

from node.hardware import addresses
from node.wire.messages import Address

Entry = namedtuple("Entry", "family address")
V4, V6, LINK = socket.AF_INET, socket.AF_INET6, psutil.AF_LINK


def address(host: str, scope: addresses.Scope, interface: str = "eth0") -> Address:
    return Address(interface=interface, address=host, family="ipv6" if ":" in host else "ipv4", scope=scope)


def test_this_machine_has_a_loopback_address() -> None:
    assert "loopback" in {found.scope for found in addresses.local_addresses()}


@pytest.mark.parametrize(
    ("host", "interface", "scope"),
    [
        ("127.0.0.1", "lo", "loopback"),
        ("127.8.0.1", "lo", "loopback"),
        ("::1", "lo", "loopback"),
        ("169.254.3.4", "eth0", "link"),
        ("fe80::1", "eth0", "link"),
        ("172.17.0.1", "docker0", "link"),
        ("172.18.0.1", "br-0123456789ab", "link"),
        ("192.168.122.1", "virbr0", "link"),
        ("192.168.1.20", "eth0", "private"),
        ("192.168.1.20", "br0", "private"),
        ("172.17.0.2", "eth0", "private"),
        ("10.42.0.7", "nebula1", "private"),
        ("100.64.1.1", "wan", "private"),
        ("fd00::7", "eth0", "private"),
        ("8.8.8.8", "eth0", "public"),
        ("2a00:1450::1", "eth0", "public"),
        ("0.0.0.0", "eth0", None),
        ("224.0.0.1", "eth0", None),
        ("ff02::1", "eth0", None),
        ("00:11:22:33:44:55", "eth0", None),
        ("", "eth0", None),
    ],
)
def test_a_scope_says_from_how_far_an_address_can_be_reached(
    host: str, interface: str, scope: addresses.Scope | None
) -> None:
    assert addresses.scope_of(host, interface) == scope


def test_zones_are_stripped_and_the_widest_scope_comes_first() -> None:
    found = addresses.describe(
        {
            "lo": [Entry(V4, "127.0.0.1")],
            "wlan0": [Entry(V6, "fe80::1%wlan0"), Entry(V4, "192.168.1.2"), Entry(LINK, "00:11:22:33:44:55")],
            "ppp0": [Entry(V4, "8.8.4.4")],
        }
    )
    assert [(each.address, each.scope) for each in found] == [
        ("8.8.4.4", "public"),
        ("192.168.1.2", "private"),
        ("fe80::1", "link"),
        ("127.0.0.1", "loopback"),
    ]


def test_the_list_is_capped() -> None:
    many = {f"eth{number}": [Entry(V4, f"10.0.{number // 256}.{number % 256}")] for number in range(1, 500)}
    assert len(addresses.describe(many)) == addresses.MAX_ADDRESSES


def test_interfaces_that_are_down_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    status = namedtuple("status", "isup")
    monkeypatch.setattr(psutil, "net_if_stats", lambda: {"up": status(True), "down": status(False)})
    monkeypatch.setattr(
        psutil, "net_if_addrs", lambda: {"up": [Entry(V4, "10.0.0.1")], "down": [Entry(V4, "10.0.0.2")]}
    )
    assert [found.address for found in addresses.local_addresses()] == ["10.0.0.1"]


def test_a_system_that_cannot_list_its_interfaces_has_no_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> dict[str, object]:
        raise OSError("no")

    monkeypatch.setattr(psutil, "net_if_stats", fail)
    assert addresses.local_addresses() == ()


def test_only_an_ipv4_address_makes_a_machine_public() -> None:
    assert addresses.public_address([address("2a00:1450::1", "public")]) is None
    assert addresses.public_address([address("10.0.0.1", "private"), address("8.8.8.8", "public")]) == "8.8.8.8"
