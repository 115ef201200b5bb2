"""The server: entries are handed to newcomers and survive lost datagrams; the stock ways of asking still exist."""

from __future__ import annotations

import asyncio
import socket

import pytest

from node.dht.node import DhtNode
from node.program.errors import UserFacingError
from node.program.lifetime import make_loop
from tests.support.dht_nodes import QUICK, Mesh, found, until, worker


async def test_a_newcomer_is_handed_what_it_should_keep(mesh: Mesh) -> None:
    services = [f"service-{number}" for number in range(8)]
    async with mesh.running(mesh.node("old")) as (old,):
        await old.publish(worker("old"), services)
        async with mesh.running(mesh.node("new")) as (new,):
            new.set_bootstrap([("127.0.0.1", old.port)])
            await until(lambda: new.stats().entries == len(services) + 1, "all entries are handed over")
            assert new.stats().rejected == {}


async def test_a_newcomer_keeps_the_mesh_going_after_all_others_are_gone(mesh: Mesh) -> None:
    async with mesh.running(mesh.node("new")) as (new,):
        async with mesh.running(mesh.node("old")) as (old,):
            await old.publish(worker("old"), ["ocr"])
            new.set_bootstrap([("127.0.0.1", old.port)])
            await until(lambda: new.stats().entries == 2, "handed over")
        await found(new, "ocr", "old")


async def test_an_address_that_is_not_ours_is_said_clearly(mesh: Mesh) -> None:
    node = mesh.node("one")
    with pytest.raises(UserFacingError, match="--host"):
        await node.start("203.0.113.9", 8468)
    await node.stop()


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
async def test_it_works_over_ipv6(mesh: Mesh) -> None:
    one, two = mesh.node("one"), mesh.node("two")
    try:
        for node in (one, two):
            await node.start("::1", 0)
        two.set_bootstrap([("::1", one.port), ("127.0.0.1", one.port)])
        await until(lambda: two.stats().joined and one.stats().joined, "joined")
        await one.publish(worker("one"), ["ocr"])
        await found(two, "ocr", "one")
    finally:
        await asyncio.gather(one.stop(), two.stop())


def test_it_works_on_the_loop_that_programs_use() -> None:
    """uvloop, where there is one, is stricter than asyncio about addresses."""

    async def story() -> None:
        mesh = Mesh()
        async with mesh.running(mesh.node("one"), mesh.node("two")) as (one, two):
            two.set_bootstrap([("localhost", one.port), ("no-such-host.invalid", 1), ("::1", one.port)])
            await until(lambda: two.stats().joined, "joined")
            await one.publish(worker("one"), ["ocr"])
            await found(two, "ocr", "one")

    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(story())


async def test_lost_datagrams_lose_neither_entries_nor_contacts(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"w{number}" for number in range(6)]
    nodes = [mesh.node(name) for name in names]
    async with mesh.running(*nodes):
        await until(lambda: all(len(node.contacts()) == 5 for node in nodes), "all know one another")
        for number, node in enumerate(nodes):
            _lose_every(monkeypatch, node, 7, number)
        for name, node in zip(names, nodes, strict=True):
            await node.publish(worker(name), ["ocr"])
        for node in nodes:
            await found(node, "ocr", *names)
        assert all(len(node.contacts()) == 5 for node in nodes)


def _lose_every(monkeypatch: pytest.MonkeyPatch, node: DhtNode, nth: int, offset: int) -> None:
    """Make a node lose every nth datagram that it sends."""
    protocol = node._server.protocol
    assert protocol is not None
    real, count = protocol._send, offset

    def lossy(*args: object) -> None:
        nonlocal count
        count += 1
        if count % nth:
            real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(protocol, "_send", lossy)


async def test_stop_ends_what_is_under_way(mesh: Mesh) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        node = mesh.node("one", settings=QUICK)
        await node.start("127.0.0.1", 0)
        node.set_bootstrap([("127.0.0.1", silent.getsockname()[1])])
        await until(lambda: node.stats().rpc_sent, "it asks")
        asking = asyncio.gather(node.find_service("ocr"), node.publish(worker("one"), ["ocr"]))
        await node.stop()
        async with asyncio.timeout(1):
            await asking
    assert asyncio.all_tasks() == {asyncio.current_task()}
