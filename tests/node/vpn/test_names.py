"""Lighthouses are found by name, and stay where they were while names cannot be looked up."""

from __future__ import annotations

import socket
import threading
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from node.vpn import names as names_module
from node.vpn.names import Names, look_up
from node.vpn.settings import Endpoint, Lighthouse, Outside

NETWORK = IPv4Network("10.42.0.0/16")
INNER = IPv4Address("10.42.0.1")
LIGHTHOUSE = Lighthouse(INNER, (Endpoint("mesh.example", 4242), Endpoint("198.51.100.9", 4243)))


async def test_an_address_is_itself_and_a_strange_name_nobody() -> None:
    assert await look_up("198.51.100.9") == (IPv4Address("198.51.100.9"),)
    assert await look_up("localhost") == (IPv4Address("127.0.0.1"),)
    assert await look_up("a" * 64 + ".invalid") == ()


async def test_names_and_addresses_of_a_lighthouse_are_joined_and_remembered() -> None:
    answers = [(IPv4Address("198.51.100.7"), IPv4Address("198.51.100.8")), (), (IPv4Address("198.51.100.70"),)]

    async def lookup(host: str) -> tuple[IPv4Address, ...]:
        return (IPv4Address(host),) if host[0].isdigit() else answers.pop(0)

    names = Names(lookup)
    fixed = Outside(IPv4Address("198.51.100.9"), 4243)
    first = tuple(Outside(IPv4Address(ip), 4242) for ip in ("198.51.100.7", "198.51.100.8"))
    assert [one.addresses for one in await names.find((LIGHTHOUSE,), NETWORK)] == [(*first, fixed)]
    assert [one.addresses for one in await names.find((LIGHTHOUSE,), NETWORK)] == [(*first, fixed)]
    moved = Outside(IPv4Address("198.51.100.70"), 4242)
    assert [one.addresses for one in await names.find((LIGHTHOUSE,), NETWORK)] == [(moved, fixed)]


@pytest.mark.parametrize(
    "lie", ["0.0.0.0", "127.0.0.1", "169.254.169.254", "224.0.0.1", "255.255.255.255", "10.42.0.9"]
)
async def test_what_no_coordinator_can_be_at_is_not_believed(lie: str) -> None:
    answers = [("198.51.100.7",), (lie,), (lie, "198.51.100.8")]

    async def lookup(_host: str) -> tuple[IPv4Address, ...]:
        return tuple(IPv4Address(ip) for ip in answers.pop(0))

    names, named = Names(lookup), Lighthouse(INNER, (Endpoint("mesh.example", 4242),))
    seen = [(await names.find((named,), NETWORK))[0].addresses for _ in range(3)]
    old, new = (Outside(IPv4Address(ip), 4242) for ip in ("198.51.100.7", "198.51.100.8"))
    assert seen == [(old,), (old,), (new,)]


async def test_lookups_that_hang_take_a_few_threads_only(monkeypatch: pytest.MonkeyPatch) -> None:
    release, begun = threading.Event(), []

    def hang(host: str, *_: Any, **__: Any) -> Any:
        begun.append(host)
        release.wait(60)
        raise OSError("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    monkeypatch.setattr(names_module, "TIME_LIMIT", 0.05)
    many = Lighthouse(INNER, tuple(Endpoint(f"host{number}.example", 4242) for number in range(50)))
    try:
        (found,) = await Names().find((many,), NETWORK)
        assert found.addresses == ()
        assert len(begun) <= names_module.THREADS
    finally:
        release.set()
