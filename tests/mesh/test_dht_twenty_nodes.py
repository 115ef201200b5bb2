"""Twenty nodes in one loop, with real sockets: they find one another's services, also after a third has died."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator

import pytest

from node.dht.node import DhtNode
from node.dht.settings import DhtSettings
from tests.support.dht_nodes import Mesh, found, until, worker

COUNT = 20
SETTINGS = DhtSettings(rpc_timeout=1.0, republish=5.0, entry_ttl=120.0, rejoin_first=0.05, rejoin_longest=1.0)
NAMES = [f"worker-{number}" for number in range(COUNT)]


@pytest.fixture
async def nodes() -> AsyncIterator[dict[str, DhtNode]]:
    """Twenty nodes that join through the first, and of which each knows most of the others."""
    mesh = Mesh()
    made = {name: mesh.node(name, settings=SETTINGS) for name in NAMES}
    async with mesh.running(*made.values()):
        await until(lambda: all(len(node.contacts()) >= COUNT - 3 for node in made.values()), "all joined")
        yield made


async def publish_all(nodes: dict[str, DhtNode]) -> None:
    """Let every node offer `everywhere`, and every fifth `rare`; in turn, for all share one processor."""
    for number, name in enumerate(NAMES):
        await publish(nodes, number, name)


async def publish(nodes: dict[str, DhtNode], number: int, name: str) -> None:
    services = ["everywhere", "rare"] if number % 5 == 0 else ["everywhere"]
    await nodes[name].publish(worker(name, load=number / COUNT), services)


async def test_all_find_what_all_published_at_once(nodes: dict[str, DhtNode]) -> None:
    async with asyncio.TaskGroup() as group:
        for number, name in enumerate(NAMES):
            group.create_task(publish(nodes, number, name))
    for node in nodes.values():
        await found(node, "rare", *NAMES[::5])
        many = {record.worker_id for record in await node.find_service("everywhere")}
        assert len(many) >= COUNT // 2  # more than fit into any one datagram: samples of several nodes are joined
        some = await node.find_worker(random.Random(1).choice(NAMES))
        assert some is not None


async def test_with_a_third_killed_every_lookup_still_succeeds_and_soon(nodes: dict[str, DhtNode]) -> None:
    await publish_all(nodes)
    killed = NAMES[1::3]
    assert len(killed) >= COUNT // 3
    for name in killed:
        await nodes[name].stop()  # nobody is told
    living = [name for name in NAMES if name not in killed]
    times = []
    for name in living:
        began = time.monotonic()
        records = await nodes[name].find_service("rare")
        times.append(time.monotonic() - began)
        assert {record.worker_id for record in records} == set(NAMES[::5])
    assert sorted(times)[len(times) // 2] < SETTINGS.rpc_timeout  # nobody sits out a dead peer's time limit
    for name in living[:4]:
        await nodes[name].publish(worker(name, load=0.99), ["after"])
    for name in living:
        await found(nodes[name], "after", *living[:4])


async def test_who_leaves_cleanly_is_gone_at_once_for_all(nodes: dict[str, DhtNode]) -> None:
    await publish_all(nodes)
    await nodes[NAMES[5]].withdraw()
    for node in nodes.values():
        assert {record.worker_id for record in await node.find_service("rare")} == set(NAMES[::5]) - {NAMES[5]}


async def test_the_mesh_lives_on_without_its_first_node(nodes: dict[str, DhtNode]) -> None:
    await publish_all(nodes)
    await nodes[NAMES[0]].stop()
    others = NAMES[1:]
    for name in others[:4]:
        await nodes[name].publish(worker(name, load=0.95), ["still-here"])
    for name in others:
        await found(nodes[name], "still-here", *others[:4])
