"""Everybody to join through is dead, unknown to DNS or gone for a while: a node finds back by itself, for ever."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from node.dht.node import DhtNode
from node.program.errors import UserFacingError
from tests.support.dht_nodes import Member, Mesh, coordinator, found, until, worker

numbers = itertools.count()


def can_bind(host: str) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.bind((host, 0))
        return True
    return False


HOSTS = [host for host in ("127.0.0.1", "::1") if can_bind(host)]  # tests/netns has IPv6 wherever it runs


@pytest.fixture
def mesh() -> Mesh:
    return Mesh()


def quiet_port(host: str) -> int:
    """Return a port that the system gives to nobody who asks for any, so that a node can come back to it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    while True:
        port = 20_000 + (os.getpid() * 31 + next(numbers)) % 10_000
        with socket.socket(family, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
            probe.bind((host, port))
            return port


async def start_at(node: DhtNode, host: str, port: int) -> None:
    """Start a node at a port that was its before."""
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(UserFacingError):  # somebody else has it for a moment
                await node.start(host, port)
                return
            await asyncio.sleep(0.05)


def ports_in(file: Path) -> set[int]:
    return {contact["port"] for contact in json.loads(file.read_text())["contacts"]}


@contextlib.asynccontextmanager
async def alive(node: DhtNode, host: str, port: int = 0) -> AsyncIterator[DhtNode]:
    await start_at(node, host, port)
    try:
        yield node
    finally:
        await node.stop()


class Names:
    """The operating system's resolver: what it knows can change while programs run."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.known: dict[str, str] = {}
        self.asked: list[str] = []
        self._real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self._getaddrinfo)

    def _getaddrinfo(self, host: str, *args: Any, **options: Any) -> Any:
        if not host.endswith(".example"):
            return self._real(host, *args, **options)
        self.asked.append(host)
        if host not in self.known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return self._real(self.known[host], *args, **options)


async def test_a_node_joins_as_soon_as_one_of_the_dead_comes_back(mesh: Mesh) -> None:
    host = HOSTS[0]
    ports = [quiet_port(host) for _ in range(3)]
    node = mesh.node("early")
    async with alive(node, host):
        node.set_bootstrap([(host, port) for port in ports])
        await until(lambda: node.stats().rpc_failed >= 2 * len(ports), "everybody was tried, and again")
        assert not node.stats().joined
        await node.publish(worker("early"), ["ocr"])
        await found(node, "ocr", "early")  # alone, but not helpless
        async with alive(mesh.node("boss"), host, ports[1]) as boss:
            await until(lambda: node.stats().joined, "joined by itself")
            await found(boss, "ocr", "early")  # what was said before is said again
            await boss.publish(worker("boss"), ["ocr"])
            await found(node, "ocr", "early", "boss")


async def test_a_name_that_is_unknown_at_first_is_looked_up_again(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, host = Names(monkeypatch), HOSTS[0]
    async with alive(mesh.node("boss"), host) as boss, alive(mesh.node("early"), host) as node:
        node.set_bootstrap([("one.example", boss.port), ("two.example", boss.port), ("x" * 300, boss.port)])
        await until(lambda: names.asked.count("two.example") >= 3, "the names were looked up again and again")
        assert not node.stats().joined
        names.known["two.example"] = host
        await until(lambda: node.stats().joined, "joined by itself")
        assert [(contact.host, contact.port) for contact in node.contacts()] == [(host, boss.port)]


async def test_a_name_that_moves_is_followed(mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    """The coordinator is set up anew on another machine; the node that never left finds it by its name."""
    names, host = Names(monkeypatch), HOSTS[0]
    port = quiet_port(host)
    async with alive(mesh.node("node"), host) as node:
        names.known["boss.example"] = "192.0.2.1" if host == "127.0.0.1" else "2001:db8::1"
        node.set_bootstrap([("boss.example", port)])
        await until(lambda: len(names.asked) >= 2, "looked up")
        async with alive(mesh.node("boss"), host, port):
            names.known["boss.example"] = host
            await until(lambda: node.stats().joined, "joined at the new place")


@pytest.mark.parametrize("host", HOSTS)
async def test_all_contacts_die_and_come_back_where_they_were(mesh: Mesh, host: str) -> None:
    names = ["one", "two", "three"]
    members = {name: mesh.member(name) for name in names}
    ports = {name: quiet_port(host) for name in names}
    async with alive(mesh.node("survivor"), host) as survivor:
        survivor.set_bootstrap([(host, ports["one"])])
        await survivor.publish(worker("survivor"), ["ocr"])
        for turn in range(2):
            async with contextlib.AsyncExitStack() as lives:
                others = [
                    await lives.enter_async_context(_another_life(mesh, members[name], host, ports, turn))
                    for name in names
                ]
                await until(lambda: len(survivor.contacts()) == len(names), "everybody is known")
                for other in others:
                    await found(other, "ocr", "survivor")
            await until(lambda: not survivor.contacts(), "everybody is gone")
            await found(survivor, "ocr", "survivor")


@contextlib.asynccontextmanager
async def _another_life(
    mesh: Mesh, member: Member, host: str, ports: dict[str, int], turn: int
) -> AsyncIterator[DhtNode]:
    """Run a member's node; in its second life it joins through nobody: it has to be found."""
    async with alive(mesh.node(member), host, ports[member.subject]) as node:
        if turn == 0:
            node.set_bootstrap([(host, ports["one"])])
        yield node


@pytest.mark.parametrize("host", HOSTS)
async def test_a_restarted_node_needs_nothing_but_its_file_of_contacts(
    mesh: Mesh, tmp_path: Path, host: str
) -> None:
    """The coordinator that it once joined through is dead; of the peers in the file one is, too."""
    file, member = tmp_path / "contacts.json", mesh.member("node")
    async with alive(mesh.node("friend"), host) as friend:
        async with (
            alive(mesh.node(mesh.member("boss", "coordinator")), host) as boss,
            alive(mesh.node("other"), host) as other,
            alive(mesh.node(member, contacts_file=file), host) as node,
        ):
            for one in (friend, other, node):
                one.set_bootstrap([(host, boss.port)])
            await until(lambda: len(node.contacts()) == 3, "everybody is known")
            await node.publish(worker("node"), ["ocr"])
            ports = {friend.port, boss.port, other.port}
        assert {contact["port"] for contact in json.loads(file.read_text())["contacts"]} == ports
        async with alive(mesh.node(member, contacts_file=file), host) as again:
            await until(lambda: again.stats().joined, "joined by its file alone")
            await again.publish(worker("node"), ["ner"])
            await found(friend, "ner", "node")
            assert [(contact.host, contact.port) for contact in again.contacts()] == [(host, friend.port)]


@pytest.mark.parametrize("host", HOSTS)
async def test_a_lone_node_publishes_and_finds_itself(mesh: Mesh, host: str) -> None:
    boss = mesh.member("boss", "coordinator")
    async with alive(mesh.node("alone"), host) as node, alive(mesh.node(boss), host) as lone_boss:
        await node.publish(worker("alone", load=0.5), ["ocr", "ner"])
        assert [record.worker_id for record in await node.find_service("ocr")] == ["alone"]
        record = await node.find_worker("alone")
        assert record is not None
        assert record.services == ("ner", "ocr")
        await node.publish(worker("alone", load=0.5), ["ner"])
        assert await node.find_service("ocr") == []
        assert not node.stats().joined
        await lone_boss.publish_coordinator(coordinator("boss"))
        assert [info.id for info in await lone_boss.find_coordinators()] == ["boss"]


@pytest.mark.parametrize("host", HOSTS)
async def test_a_mesh_on_this_kind_of_address(mesh: Mesh, host: str) -> None:
    names = [f"worker-{number}" for number in range(5)]
    async with contextlib.AsyncExitStack() as lives:
        nodes = [await lives.enter_async_context(alive(mesh.node(name), host)) for name in names]
        for node in nodes[1:]:
            node.set_bootstrap([(host, nodes[0].port)])
        await until(lambda: all(len(node.contacts()) == 4 for node in nodes), "everybody knows everybody")
        assert {contact.host for node in nodes for contact in node.contacts()} == {host}
        for name, node in zip(names, nodes, strict=True):
            await node.publish(worker(name), ["ocr"])
        for node in nodes:
            await found(node, "ocr", *names)
        await nodes[0].stop()
        await nodes[1].withdraw()
        await found(nodes[2], "ocr", *names[2:])  # one has left, what the other said has expired
