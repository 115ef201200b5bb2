"""The numbers that a node tells are all there and are its own."""

from __future__ import annotations

import dataclasses

import msgspec

from node.dht.stats import Counters, DhtStats, snapshot
from tests.support.dht_nodes import Mesh, until, worker


def test_every_count_is_told() -> None:
    counters = Counters()
    for number, field in enumerate(dataclasses.fields(Counters), 1):
        if field.name != "rejected":
            setattr(counters, field.name, number)
    counters.rejected["signature"] = 3
    stats = snapshot(counters, node_id=b"\x01\x02", joined=True, contacts=4, keys=5, entries=6)
    for field in dataclasses.fields(Counters):
        if field.name != "hops_total":
            assert getattr(stats, field.name) == getattr(counters, field.name)
    assert stats.hops_mean == counters.hops_total / counters.lookups
    assert (stats.node_id, stats.joined, stats.contacts, stats.keys, stats.entries) == ("0102", True, 4, 5, 6)
    assert msgspec.json.decode(msgspec.json.encode(stats), type=DhtStats) == stats


async def test_a_node_counts_what_it_does(mesh: Mesh) -> None:
    async with mesh.running(mesh.node("one"), mesh.node("two")) as (one, two):
        await until(lambda: one.contacts() and two.contacts(), "joined")
        await one.publish(worker("one"), ["ocr"])
        assert len(await two.find_service("ocr")) == 1
        assert await two.find_service("nothing") == []
        first, second = one.stats(), two.stats()
        assert first.published >= 2
        assert second.stored >= 2
        assert (second.lookups, second.lookups_empty) == (2, 1)
        assert (second.keys, second.entries, second.contacts) == (2, 2, 1)
        assert first.rpc_sent > 0
        assert second.rpc_served > 0
        assert first.bytes_sent > 0
        assert first.bytes_received > 0
        assert len(first.node_id) == 40
