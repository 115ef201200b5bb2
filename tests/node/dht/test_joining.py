"""Joining: names and addresses, again and again, and back after everything was lost."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
from collections.abc import Container
from typing import Any

import pytest

from node.dht import messages
from node.dht.joining import resolve
from node.dht.messages import Address
from node.dht.node import DhtNode
from tests.support.dht_nodes import QUICK, Mesh, found, raw_peer, until, worker


async def test_names_become_addresses_and_bad_ones_are_left_out() -> None:
    addresses = [("127.0.0.1", 5), ("no-such-host.invalid", 5), ("x" * 300, 5), ("127.0.0.1", 5), ("127.0.0.2", 6)]
    assert await resolve(addresses, own_port=9) == [("127.0.0.1", 5), ("127.0.0.2", 6)]
    assert ("127.0.0.1", 7) in await resolve([("localhost", 7)], own_port=9)


async def test_our_own_address_is_left_out() -> None:
    assert await resolve([("127.0.0.1", 9), ("127.0.0.1", 10)], own_port=9) == [("127.0.0.1", 10)]


async def test_a_resolver_that_hangs_does_not_stop_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(*_args: object, **_options: object) -> list[object]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr("node.dht.joining.RESOLVE_LIMIT", 0.05)
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", hang)
    assert await resolve([("slow.example", 5)], own_port=9) == []


async def test_one_name_that_hangs_does_not_hide_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang_for_one(host: str, port: int, **options: Any) -> list[object]:
        if host == "slow.example":
            await asyncio.Event().wait()
        return [(socket.AF_INET, socket.SOCK_DGRAM, 17, "", (host, port))]

    monkeypatch.setattr("node.dht.joining.RESOLVE_LIMIT", 0.05)
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", hang_for_one)
    assert await resolve([("slow.example", 5), ("127.0.0.1", 5)], own_port=9) == [("127.0.0.1", 5)]


async def test_addresses_that_the_socket_cannot_reach_are_not_asked(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Address] = []
    async with mesh.running(mesh.node("one")) as (one,), raw_peer(mesh) as peer:
        protocol = one._server.protocol
        assert protocol is not None
        real = protocol._send

        def noting(kind: bytes, message_id: bytes, message: Any, address: Address) -> None:
            asked.append(address)
            real(kind, message_id, message, address)

        monkeypatch.setattr(protocol, "_send", noting)
        assert (one._server.reaches("192.0.2.1"), one._server.reaches("2001:db8::1")) == (True, False)
        one.set_bootstrap([("::1", peer.port), ("localhost", peer.port)])
        await peer.receive(messages.REQUEST)
        await peer.receive(messages.REQUEST)
    assert set(asked) == {("127.0.0.1", peer.port)}


async def test_new_addresses_are_tried_at_once(mesh: Mesh) -> None:
    async with mesh.running(mesh.node("one")) as (one,), mesh.running(mesh.node("two")) as (two,):
        two.set_bootstrap([("127.0.0.1", one.port)])
        two.set_bootstrap([("127.0.0.1", one.port)])
        await until(lambda: one.stats().joined and two.stats().joined, "joined")


async def test_two_halves_of_a_mesh_find_one_another_again(mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut in two, each half goes on; when the way is open again, one answer is enough."""
    names = ["a1", "a2", "b1", "b2"]
    nodes = {name: mesh.node(name) for name in names}
    async with mesh.running(*nodes.values()):
        await until(lambda: all(len(node.contacts()) == 3 for node in nodes.values()), "one mesh")
        ports = {node.port: name for name, node in nodes.items()}
        for name, node in nodes.items():
            _cut(monkeypatch, node, {port for port, other in ports.items() if other[0] != name[0]})
        for name, node in nodes.items():
            await node.publish(worker(name), ["ocr"])
        await until(lambda: all(len(node.contacts()) == 1 for node in nodes.values()), "two meshes")
        await found(nodes["a1"], "ocr", "a1", "a2")
        await found(nodes["b2"], "ocr", "b1", "b2")
        for node in nodes.values():
            _cut(monkeypatch, node, ())
        await until(lambda: all(len(node.contacts()) == 3 for node in nodes.values()), "one mesh again")
        for node in nodes.values():
            await found(node, "ocr", *names)


def _cut(monkeypatch: pytest.MonkeyPatch, node: DhtNode, ports: Container[int]) -> None:
    """Let a node's datagrams to these ports get lost; no ports mend it."""
    protocol = node._server.protocol
    assert protocol is not None
    real = type(protocol)._send

    def through_a_cut(kind: bytes, message_id: bytes, message: Any, address: Address) -> None:
        if address[1] not in ports:
            real(protocol, kind, message_id, message, address)

    monkeypatch.setattr(protocol, "_send", through_a_cut)


async def test_it_comes_back_after_an_outage_in_which_every_contact_was_lost(mesh: Mesh) -> None:
    member = mesh.member("one")
    async with mesh.running(mesh.node("two")) as (two,):
        async with mesh.running(mesh.node(member)) as (one,):
            one.set_bootstrap([("127.0.0.1", two.port)])
            await until(two.contacts, "joined")
            port = one.port
        await two.find_service("ocr")
        await until(lambda: not two.contacts(), "lost")
        back = mesh.node(member)
        await back.start("127.0.0.1", port)  # it knows nobody: the other one must come back to it
        try:
            await until(lambda: two.contacts() and back.contacts(), "found again")
        finally:
            await back.stop()


async def test_who_has_lost_everybody_looks_at_once(mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.dht.node.CARE_PAUSE", 0.05)
    member = mesh.member("one")
    settings = dataclasses.replace(QUICK, rejoin_longest=600.0)
    patient = mesh.node("two", settings=settings)  # it would look again in ten minutes
    async with mesh.running(patient) as (two,):
        async with mesh.running(mesh.node(member)) as (one,):
            one.set_bootstrap([("127.0.0.1", two.port)])
            await until(lambda: two.contacts() and one.contacts(), "joined")
            port = one.port
        await two.find_service("ocr")
        await until(lambda: not two.contacts(), "lost")
        back = mesh.node(member)
        await back.start("127.0.0.1", port)  # it knows nobody: the other one must come back to it
        try:
            await until(lambda: two.contacts() and back.contacts(), "found again")
        finally:
            await back.stop()


async def test_who_does_not_tell_of_the_others_in_time_is_asked_again(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pings are answered, so there is a contact; the first questions for contacts get lost."""
    lost = 0
    async with mesh.running(mesh.node("one"), mesh.node("two"), mesh.node("three")) as (one, *_):
        await until(lambda: len(one.contacts()) == 2, "they know one another")
        protocol = one._server.protocol
        assert protocol is not None
        reached = protocol._send
        async with mesh.running(mesh.node("late")) as (late,):

            def lossy(kind: bytes, message_id: bytes, message: Any, address: Address) -> None:
                nonlocal lost
                if address[1] == late.port and isinstance(message, messages.Found) and lost < 2:
                    lost += 1
                else:
                    reached(kind, message_id, message, address)

            monkeypatch.setattr(protocol, "_send", lossy)
            late.set_bootstrap([("127.0.0.1", one.port)])
            await until(lambda: len(late.contacts()) == 3, "it knows all the others")
            assert lost == 2
