"""Carries the same plan out with the package `kademlia` as it comes: one value per publisher, set and got."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from kademlia import network
from kademlia.crawling import ValueSpiderCrawl
from kademlia.network import Server

from bench.dht_support import results
from bench.dht_support.plan import SEEDS, Plan, Query
from bench.dht_support.results import Lookup, Result

HOST = "127.0.0.1"
AT_ONCE = 16


class CountingTransport:
    """A transport that counts what goes out; requests begin with a zero byte."""

    def __init__(self, transport: asyncio.DatagramTransport) -> None:
        self._transport = transport
        self.requests = 0
        self.bytes = 0

    def sendto(self, data: bytes, address: tuple[str, int]) -> None:
        self.requests += data[:1] == b"\x00"
        self.bytes += len(data)
        self._transport.sendto(data, address)


async def run(plan: Plan, rng: random.Random) -> Result:
    """Join, publish, kill and look up; return the figures."""
    logging.getLogger("kademlia").setLevel(logging.CRITICAL)
    logging.getLogger("rpcudp").setLevel(logging.CRITICAL)
    servers = [Server(node_id=rng.randbytes(20)) for _ in range(plan.nodes)]
    try:
        joins = await _join(servers, rng)
        await _publish(servers, plan)
        for number in plan.killed:
            servers[number].stop()
        with _counted_rounds() as rounds:
            found = [await _look_up(servers, query, rounds) for query in plan.queries]
        return results.summary(plan.nodes, len(plan.killed), joins, found)
    finally:
        for server in servers:
            server.stop()


async def _join(servers: Sequence[Any], rng: random.Random) -> list[float]:
    times = []
    for number, server in enumerate(servers):
        began = time.perf_counter()
        await server.listen(0, HOST)
        seeds = servers[: min(number, SEEDS)]
        if seeds:
            await server.bootstrap([_address(seed) for seed in rng.sample(seeds, len(seeds))])
            times.append((time.perf_counter() - began) * 1000)
    return times


def _address(server: Any) -> tuple[str, int]:
    host, port = server.transport.get_extra_info("sockname")
    return host, port


async def _publish(servers: Sequence[Any], plan: Plan) -> None:
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with limit:
            await servers[number].set(f"worker-{number}", _value(number))

    await asyncio.gather(*(one(number) for number in plan.publishers))


def _value(number: int) -> str:
    """Return a value of about the size of our entries."""
    return json.dumps({"worker_id": f"w-{number}", "vpn_ip": "10.42.0.7", "port": 8000, "padding": "." * 250})


async def _look_up(servers: Sequence[Any], query: Query, rounds: list[int]) -> Lookup:
    asker = servers[query.asker]
    received = 0
    counting = CountingTransport(asker.protocol.transport)
    take = asker.protocol.datagram_received

    def datagram_received(data: bytes, address: tuple[str, int]) -> None:
        nonlocal received
        received += len(data)
        take(data, address)

    rounds.clear()
    began = time.perf_counter()
    with patch.multiple(asker.protocol, transport=counting, datagram_received=datagram_received):
        value = await asker.get(f"worker-{query.publisher}")
    return Lookup(
        found=value == _value(query.publisher),
        ms=(time.perf_counter() - began) * 1000,
        hops=len(rounds),
        rpc=counting.requests,
        bytes=counting.bytes + received,
    )


@contextmanager
def _counted_rounds() -> Iterator[list[int]]:
    """Collect one item for every round of requests of a lookup."""
    rounds: list[int] = []

    class Counted(ValueSpiderCrawl):  # type: ignore[misc]  # the package has no types
        async def _find(self, rpcmethod: Any) -> Any:
            rounds.append(len(self.nearest))
            return await super()._find(rpcmethod)

    with patch.object(network, "ValueSpiderCrawl", Counted):
        yield rounds
