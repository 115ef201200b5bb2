"""Lighthouses are found by name, and stay where they were while names cannot be looked up."""

from __future__ import annotations

from ipaddress import IPv4Address

from node.vpn.names import Names, look_up
from node.vpn.settings import Endpoint, Lighthouse, Outside

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
    assert [one.addresses for one in await names.find((LIGHTHOUSE,))] == [(*first, fixed)]
    assert [one.addresses for one in await names.find((LIGHTHOUSE,))] == [(*first, fixed)]
    moved = Outside(IPv4Address("198.51.100.70"), 4242)
    assert [one.addresses for one in await names.find((LIGHTHOUSE,))] == [(moved, fixed)]
