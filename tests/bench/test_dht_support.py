"""What the DHT's benchmark stands on: plans, percentiles, populations, virtual time and charts."""

from __future__ import annotations

import asyncio
import itertools
import random

import pytest
from kademlia.node import Node

from bench.dht_support import plan, plots, results
from bench.dht_support.population import Population
from bench.dht_support.simulate import Study
from bench.dht_support.virtual_time import VirtualLoop
from node.dht.table import ContactTable


def test_a_plan_follows_from_its_seed_and_asks_the_living_for_what_the_living_publish() -> None:
    drawn = plan.make(60, 0.3, 40, random.Random(3))
    assert drawn == plan.make(60, 0.3, 40, random.Random(3))
    assert len(drawn.killed) == 18
    assert len(drawn.queries) == 40
    for query in drawn.queries:
        assert query.asker not in drawn.killed
        assert query.publisher in drawn.publishers
        assert query.publisher not in drawn.killed
        assert query.asker != query.publisher
    assert [drawn.service_of(publisher) for publisher in drawn.publishers[:4]] == ["service-0"] * 3 + ["service-1"]


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(number) for number in range(100, 0, -1)]
    assert (results.percentile(values, 50), results.percentile(values, 99), results.percentile(values, 100)) == (
        50,
        99,
        100,
    )
    assert results.percentile([7.0], 99) == 7.0
    assert results.percentile([], 99) == 0.0


def population(count: int, rng: random.Random) -> tuple[list[Node], Population]:
    nodes = [Node(rng.randbytes(20), f"10.0.{number >> 8}.{number & 255}", 8468) for number in range(count)]
    return nodes, Population(nodes)


@pytest.mark.parametrize("count", [1, 5, 40, 700])
def test_the_nearest_of_a_population_are_the_nearest(count: int) -> None:
    rng = random.Random(count)
    nodes, crowd = population(count, rng)
    for _ in range(50):
        target = Node(rng.randbytes(20))
        expected = sorted(nodes, key=target.distance_to)[:20]
        assert crowd.nearest(target.long_id, 20) == expected


@pytest.mark.parametrize("count", [3, 21, 600])
def test_a_filled_table_covers_all_ids_and_knows_its_neighbours(count: int) -> None:
    rng = random.Random(count)
    nodes, crowd = population(count, rng)
    for own in rng.sample(nodes, 3):
        table = ContactTable(own, 20)
        crowd.fill(table, rng)
        edges = [bucket.range for bucket in table.buckets]
        assert (edges[0][0], edges[-1][1]) == (0, 2**160 - 1)
        assert all(low == high + 1 for (_, high), (low, _) in itertools.pairwise(edges))
        assert all(bucket.has_in_range(node) for bucket in table.buckets for node in bucket.nodes.values())
        assert table.known(own.id) is None
        nearest = sorted((node for node in nodes if node is not own), key=own.distance_to)[:5]
        assert table.find_neighbors(own, 5) == nearest


def test_virtual_time_jumps_and_keeps_the_order() -> None:
    happened = []

    async def after(seconds: float) -> None:
        await asyncio.sleep(seconds)
        happened.append((seconds, asyncio.get_running_loop().time()))

    async def main() -> None:
        await asyncio.gather(after(7200.0), after(0.5), after(60.0))

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main())
    assert [seconds for seconds, _ in happened] == [0.5, 60.0, 7200.0]
    assert all(at == pytest.approx(seconds) for seconds, at in happened)


def test_what_never_happens_in_virtual_time_is_an_error() -> None:
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    runner = asyncio.Runner(loop_factory=VirtualLoop)
    with pytest.raises(RuntimeError, match="never happen"):
        runner.run(main())
    runner.close()


def test_a_study_goes_up_in_tens_to_the_size_asked_for_in_all_kinds_of_times() -> None:
    study = Study(30_000, 0.1, 0.2, 1.0, 10, 1)
    assert study.sizes() == [100, 1000, 10_000, 30_000]
    assert Study(100, 0.1, 0.2, 1.0, 10, 1).sizes() == [100]
    assert Study(40, 0.1, 0.2, 1.0, 10, 1).sizes() == [40]
    assert len(list(study.scenarios())) == 16
    assert {(each.churn, each.sybils) for each in Study(100, 0.1, 0.0, 1.0, 10, 1).scenarios()} == {
        (0, 0),
        (0.1, 0),
    }


@pytest.mark.parametrize(("least", "low"), [(1.0, 0.9), (0.95, 0.9), (0.89, 0.8), (0.31, 0.3)])
def test_a_chart_of_shares_shows_the_lowest_of_them(least: float, low: float) -> None:
    chart = plots.share_chart("x", {"a": [(100, 1.0), (1000, least)]})
    assert chart.low == pytest.approx(low)
    assert "100%" in plots.svg(chart)


def test_a_chart_says_what_its_lines_are_and_lets_no_name_out_of_its_text() -> None:
    text = plots.svg(plots.count_chart("Hops", {"calm": [(100, 2.0)], "<b>": [(100, 3.4)]}))
    assert "calm" in text
    assert "&lt;b&gt;" in text
    assert "<b>" not in text
