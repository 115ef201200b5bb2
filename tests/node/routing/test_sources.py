from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from node.routing.sources import CandidateSource, Finder
from node.routing.stats import RoutingCounters
from node.wire.messages import WorkerRecord
from tests.support.routing import Source, record


def finder(*sources: CandidateSource, counters: RoutingCounters | None = None) -> Finder:
    counters = counters or RoutingCounters()
    return Finder(sources, own_id="me", timeout=0.05, vpn_up=lambda: False, counters=counters)


async def test_a_later_source_is_asked_only_when_an_earlier_one_found_nobody() -> None:
    dht, registry = Source("dht", [record("a", 1)]), Source("registry", [record("b", 2)])
    counters = RoutingCounters()
    found = await finder(dht, registry, counters=counters).first("ocr")
    assert [(item.worker_id, item.source) for item in found] == [("a", "dht")]
    assert (registry.asked, counters.dht_lookups) == (0, 1)
    dht.records.clear()
    found = await finder(dht, registry, counters=counters).first("ocr")
    assert [(item.worker_id, item.source) for item in found] == [("b", "registry")]
    assert counters.dht_lookups == 2


async def test_all_sources_are_joined_and_the_first_word_on_a_worker_counts() -> None:
    dht = Source("dht", [record("a", 1, load=0.1)])
    registry = Source("registry", [record("a", 1, load=0.9), record("b", 2)])
    found = await finder(dht, registry).all("ocr")
    assert [(item.worker_id, item.load) for item in found] == [("a", 0.1), ("b", 0.0)]


async def test_we_are_no_candidate_of_our_own() -> None:
    assert await finder(Source("dht", [record("me", 1)])).first("ocr") == ()


async def test_a_source_that_fails_or_hangs_does_not_stop_the_next(caplog: pytest.LogCaptureFixture) -> None:
    class Hanging:
        name = "dht"

        async def find(self, service: str) -> Sequence[WorkerRecord]:
            await asyncio.Event().wait()
            return ()

    broken = Source("dht", error=OSError("no route"))
    found = await finder(broken, Hanging(), Source("registry", [record("b", 2)])).first("ocr")  # type: ignore[arg-type]
    assert [item.worker_id for item in found] == ["b"]
    assert "no route" in caplog.text
    assert "TimeoutError" in caplog.text
