"""The server: entries are handed to newcomers and survive lost datagrams; the stock ways of asking still exist."""

from __future__ import annotations

import asyncio
import random
import socket
from dataclasses import replace

import pytest
from kademlia.node import Node

from node.dht.node import DhtNode
from node.dht.server import MOST_HANDED
from node.dht.settings import DhtSettings
from node.program.errors import UserFacingError
from node.program.lifetime import make_loop
from tests.support.dht_nodes import DEADLINE, QUICK, Mesh, found, until, worker


async def test_a_newcomer_is_handed_what_it_should_keep(mesh: Mesh) -> None:
    services = [f"service-{number}" for number in range(8)]
    async with mesh.running(mesh.node("old")) as (old,):
        await old.publish(worker("old"), services)
        async with mesh.running(mesh.node("new")) as (new,):
            new.set_bootstrap([("127.0.0.1", old.port)])
            await until(lambda: new.stats().entries == len(services) + 1, "all entries are handed over")
            assert new.stats().rejected == {}


async def test_a_member_that_comes_and_goes_is_handed_entries_once(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can do so many times a second: whoever answers in another name is dropped at once."""
    handed: list[bytes] = []

    async def hand_over(newcomer: Node) -> None:
        handed.append(newcomer.id)

    slow = DhtSettings(rpc_timeout=0.3, republish=3000.0, rejoin_longest=0.5)
    async with mesh.running(mesh.node("old", settings=slow)) as (old,):
        await old.publish(worker("old"), ["ocr"])
        monkeypatch.setattr(old._server, "_hand_over", hand_over)
        protocol = old._server.protocol
        assert protocol is not None
        restless, other = (Node(mesh.member(name).id, "127.0.0.1", 9) for name in ("restless", "other"))
        for node in (restless, restless, other, restless):
            protocol._admit(node)
            protocol.router.remove_contact(node)
        await until(lambda: len(handed) >= 2, "both were handed what there is")
        assert handed == [restless.id, other.id]
        for number in range(MOST_HANDED + 10):
            old._server._is_due(Node(number.to_bytes(20, "big")))
        assert len(old._server._handed) == MOST_HANDED


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
            _lose_some(monkeypatch, node, 0.1, random.Random(number))
        for name, node in zip(names, nodes, strict=True):
            await node.publish(worker(name), ["ocr"])
        for node in nodes:
            await found(node, "ocr", *names)
        await until(lambda: all(len(node.contacts()) == 5 for node in nodes), "all still know one another")


def _lose_some(monkeypatch: pytest.MonkeyPatch, node: DhtNode, share: float, rng: random.Random) -> None:
    """Make a node lose this share of the datagrams that it sends."""
    protocol = node._server.protocol
    assert protocol is not None
    real = protocol._send

    def lossy(*args: object) -> None:
        if rng.random() >= share:
            real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(protocol, "_send", lossy)


async def test_stop_ends_what_is_under_way(mesh: Mesh) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        node = mesh.node("one", settings=replace(QUICK, rpc_timeout=3 * DEADLINE))
        await node.start("127.0.0.1", 0)
        node.set_bootstrap([("127.0.0.1", silent.getsockname()[1])])
        await until(lambda: node.stats().rpc_sent, "it asks")
        protocol = node._server.protocol
        assert protocol is not None
        pinging = protocol.call_ping(Node(b"s" * 20, *silent.getsockname()))
        asking = asyncio.gather(node.find_service("ocr"), node.publish(worker("one"), ["ocr"]))
        await node.stop()
        async with asyncio.timeout(DEADLINE):
            await asking
            assert await pinging is None
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_saying_the_same_again_needs_no_walk_until_somebody_new_should_keep_it(mesh: Mesh) -> None:
    slow = DhtSettings(rpc_timeout=0.3, republish=3000.0, rejoin_longest=0.5)
    async with mesh.running(*(mesh.node(f"w{n}", settings=slow) for n in range(4))) as nodes:
        first = nodes[0]
        await until(lambda: all(len(node.contacts()) == 3 for node in nodes), "all know one another")
        await first.publish(worker("w0", load=0.1), ["ocr"])
        sent = first.stats().rpc_sent
        await first.publish(worker("w0", load=0.9), ["ocr"])
        assert first.stats().rpc_sent - sent == 2 * 3  # one message to each of three nodes for each of two keys
        async with mesh.running(mesh.node("late", settings=slow)) as (late,):
            late.set_bootstrap([("127.0.0.1", first.port)])
            await until(lambda: len(first.contacts()) == 4 and late.stats().entries, "it is there")
            await first.publish(worker("w0", load=0.1), ["ocr"])
            assert late.stats().entries == 2
            (record,) = await late.find_service("ocr")
            assert record.load == 0.1


async def test_a_keeper_that_died_is_replaced_by_a_new_walk(mesh: Mesh) -> None:
    slow = DhtSettings(rpc_timeout=0.2, republish=3000.0, rejoin_longest=0.5, ksize=3, alpha=2)
    async with mesh.running(*(mesh.node(f"w{n}", settings=slow) for n in range(8))) as nodes:
        first = nodes[0]
        await until(lambda: all(len(node.contacts()) >= 3 for node in nodes), "joined")
        await first.publish(worker("w0", load=0.1), ["ocr"])
        keepers = [node for node in nodes[1:] if node.stats().entries]
        await keepers[0].stop()
        await first.publish(worker("w0", load=0.9), ["ocr"])
        await first.publish(worker("w0", load=0.1), ["ocr"])
        asker = next(node for node in nodes[1:] if node is not keepers[0])
        (record,) = await asker.find_service("ocr")
        assert record.load == 0.1


async def test_a_node_whose_clock_is_wrong_hears_why_nobody_finds_it(
    mesh: Mesh, caplog: pytest.LogCaptureFixture
) -> None:
    ahead = Mesh(lambda: mesh.clock() + 300, mesh.key)
    async with mesh.running(mesh.node("one"), ahead.node(mesh.member("ahead"))) as (one, wrong):
        await until(wrong.contacts, "they know one another")
        for _ in range(2):
            await wrong.publish(worker("ahead"), ["ocr"])
            await wrong.publish(worker("ahead"), [])
        await until(lambda: one.stats().rejected.get("future", 0) > 1, "it was refused more than once")
        warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
        assert len([text for text in warnings if "'future'" in text and "clock" in text]) == 1
