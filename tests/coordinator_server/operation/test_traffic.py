"""Rates, failures and slowness of the last minute, by hand-made counts."""

from __future__ import annotations

from coordinator_server.operation.traffic import Count, Flow, Traffic
from tests.support.mesh_keys import Clock

BOUNDS = (0.01, 0.1, 1.0)


async def test_only_the_last_minute_counts() -> None:
    clock, counts = Clock(1000.0), {"ocr": Count((100, 0, 0, 0), 50)}
    traffic = Traffic(lambda: dict(counts), BOUNDS, clock)
    assert traffic.flows() == {}
    await traffic.sample()
    assert traffic.flows() == {"ocr": Flow()}
    clock.now += 10
    counts["ocr"] = Count((180, 15, 5, 0), 60)
    assert traffic.flows()["ocr"] == Flow(rate=10.0, errors=0.1, p95_seconds=0.1, requests=100)
    await traffic.sample()
    counts["ner"] = Count((0, 0, 0, 4), 4)
    clock.now += 10
    flows = traffic.flows()
    assert flows["ocr"].rate == 5.0
    slow = Flow(rate=0.2, errors=1.0, p95_seconds=1.0, requests=4)
    assert flows["ner"] == slow, "slower than all bounds: at least the last"
    for _ in range(14):
        clock.now += 5
        await traffic.sample()
    assert traffic.flows()["ocr"] == Flow()


async def test_counts_that_were_forgotten_are_no_negative_rate() -> None:
    clock, counts = Clock(1000.0), {"ocr": Count((5, 5), 9)}
    traffic = Traffic(lambda: counts, (1.0,), clock)
    await traffic.sample()
    counts = {"ocr": Count((1, 7), 1)}
    clock.now += 2
    assert traffic.flows()["ocr"] == Flow(rate=1.0, errors=0.0, p95_seconds=1.0, requests=2)
