"""Carries a plan out with our own nodes, each with a UDP socket of its own on loopback."""

from __future__ import annotations

import asyncio
import gc
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from unittest.mock import patch

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from kademlia.node import Node

from bench.dht_support import results
from bench.dht_support.plan import SEEDS, Plan, Query
from bench.dht_support.results import Lookup, Result
from node.dht import server
from node.dht.lookup import EntryLookup
from node.dht.node import DhtNode
from node.dht.settings import DhtSettings
from node.wire import credentials
from node.wire.credentials import Credential
from node.wire.encoding import fingerprint
from node.wire.messages import Endpoints, WorkerRecord

HOST = "127.0.0.1"
JOIN_LIMIT = 60.0  # seconds after which a node that has not joined ends the run
AT_ONCE = 16  # publishers that announce themselves at a time


async def run(plan: Plan, rng: random.Random, settings: DhtSettings) -> Result:
    """Join, publish, kill and look up; return the figures."""
    nodes = _make_nodes(plan.nodes, rng, settings)
    try:
        joins = await _join(nodes, rng)
        await _publish(nodes, plan)
        await asyncio.gather(*(nodes[number].stop() for number in plan.killed))
        with _still(), _watched() as walked:
            found = [await _look_up(nodes, plan, query, walked) for query in plan.queries]
        return results.summary(plan.nodes, len(plan.killed), joins, found)
    finally:
        await asyncio.gather(*(node.stop() for node in nodes))


def _make_nodes(count: int, rng: random.Random, settings: DhtSettings) -> list[DhtNode]:
    mesh_key = Ed25519PrivateKey.from_private_bytes(rng.randbytes(32))
    return [_make_node(f"w-{number}", mesh_key, rng, settings) for number in range(count)]


def _make_node(subject: str, mesh_key: Ed25519PrivateKey, rng: random.Random, settings: DhtSettings) -> DhtNode:
    identity = Ed25519PrivateKey.from_private_bytes(rng.randbytes(32))
    public_key = identity.public_key().public_bytes_raw()
    now = int(time.time())
    credential = Credential(
        version=1,
        mesh_id=fingerprint(mesh_key.public_key().public_bytes_raw()),
        subject=subject,
        role="worker",
        public_key=public_key,
        trust="volunteer",
        place=credentials.place_of(public_key, mesh_key),
        issued_at=now,
        expires_at=now + 7 * 86400,
    )
    return DhtNode(
        identity=identity,
        mesh_public_key=mesh_key.public_key(),
        subject=subject,
        credential=credentials.issue(credential, mesh_key),
        clock=time.time,
        settings=settings,
        rng=random.Random(rng.random()),
    )


async def _join(nodes: Sequence[DhtNode], rng: random.Random) -> list[float]:
    """Let the nodes join one after another; return how long each took until it had found its neighbours, in ms."""
    times = []
    for number, node in enumerate(nodes):
        began = time.perf_counter()
        await node.start(HOST, 0)
        seeds = nodes[: min(number, SEEDS)]
        node.set_bootstrap([(HOST, seed.port) for seed in rng.sample(seeds, len(seeds))])
        if seeds:
            async with asyncio.timeout(JOIN_LIMIT):
                while not node._joiner._was_joined:  # noqa: ASYNC110 - what is waited for is state
                    await asyncio.sleep(0.0005)
            times.append((time.perf_counter() - began) * 1000)
    return times


async def _publish(nodes: Sequence[DhtNode], plan: Plan) -> None:
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        endpoints = Endpoints(port=8000, dht_port=nodes[number].port, vpn_ip="10.42.0.7", direct_hosts=(HOST,))
        async with limit:
            service = plan.service_of(number)
            await nodes[number].publish(WorkerRecord(worker_id=f"w-{number}", endpoints=endpoints), [service])

    await asyncio.gather(*(one(number) for number in plan.publishers))


async def _look_up(nodes: Sequence[DhtNode], plan: Plan, query: Query, walked: list[EntryLookup]) -> Lookup:
    asker = nodes[query.asker]
    before, began = asker.stats(), time.perf_counter()
    workers = await asker.find_service(plan.service_of(query.publisher))
    ms, after = (time.perf_counter() - began) * 1000, asker.stats()
    return Lookup(
        found=f"w-{query.publisher}" in {worker.worker_id for worker in workers},
        ms=ms,
        hops=walked.pop().hops,
        rpc=after.rpc_sent - before.rpc_sent,
        bytes=after.bytes_sent + after.bytes_received - before.bytes_sent - before.bytes_received,
    )


@contextmanager
def _watched() -> Iterator[list[EntryLookup]]:
    """Collect the lookups that are made, to ask them how far they went."""
    walked: list[EntryLookup] = []

    class Watched(EntryLookup):
        async def find(self) -> list[Node]:
            walked.append(self)
            return await super().find()

    with patch.object(server, "EntryLookup", Watched):
        yield walked


@contextmanager
def _still() -> Iterator[None]:
    """Keep the garbage collector off the nodes: a real node shares its process with no thousand others."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
