"""Events and counters of a node become its past: noted, sampled, and read back by the next run."""

from __future__ import annotations

from pathlib import Path

from node import events as e
from node.insight import Insight
from node.machine import handle
from node.state import NodeState
from tests.support.node_values import started
from tests.support.routing import fine, mesh, post
from tests.support.waiting import eventually


async def test_a_run_and_the_next_one(tmp_path: Path) -> None:
    async with mesh(fine) as (gateway, _):
        insight = Insight(tmp_path, lambda: gateway.router)
        await insight.start()
        state, _ = handle(NodeState(), started())
        insight.hear(NodeState(), started(), state)
        insight.hear(state, e.LoadMeasured(0.1, 0, 0), state)
        await eventually(lambda: bool(insight.recent().samples), "a sample")
        await post(gateway)
        await eventually(lambda: any(sample.requests for sample in insight.recent().samples), "a sample")
        assert [one.worker for one in insight.journeys().journeys] == ["w1"]
        assert insight.day().samples[-1].requests + sum(one.requests for one in insight.day().samples[:-1]) == 1
        await insight.stop()
    after = Insight(tmp_path, lambda: None)
    await after.start()
    assert [entry.code for entry in after.entries().entries] == ["node-started"]
    assert after.noted == 1
    assert after.journeys().journeys == ()
    await after.stop()
