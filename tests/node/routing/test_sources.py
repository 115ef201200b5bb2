from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from node.routing.sources import CandidateSource, Finder
from node.routing.stats import RoutingCounters
from node.state import AskedSource
from node.wire.messages import WorkerRecord
from tests.support.routing import Source, record


def finder(
    *sources: CandidateSource,
    counters: RoutingCounters | None = None,
    timeout: float = 30.0,
    doubted: Sequence[str] = (),
) -> Finder:
    counters = counters or RoutingCounters()
    return Finder(
        sources,
        own_id="me",
        timeout=timeout,
        vpn_up=lambda: False,
        counters=counters,
        clock=lambda: 1000.0,
        wall=lambda: 5_000_000.0,
        doubted=lambda service: doubted if service == "ocr" else (),
    )


async def test_a_later_source_is_asked_only_when_an_earlier_one_found_nobody() -> None:
    dht, registry = Source("dht", [record("a", 1)]), Source("registry", [record("b", 2)])
    counters = RoutingCounters()
    found = await finder(dht, registry, counters=counters).first("ocr")
    assert [(item.worker_id, item.source) for item in found.candidates] == [("a", "dht")]
    assert (registry.asked, counters.dht_lookups) == (0, 1)
    dht.records.clear()
    found = await finder(dht, registry, counters=counters).first("ocr")
    assert [(item.worker_id, item.source) for item in found.candidates] == [("b", "registry")]
    assert counters.dht_lookups == 2


async def test_who_is_doubted_is_found_only_where_no_source_knows_another() -> None:
    dht, registry = Source("dht", [record("a", 1), record("b", 2)]), Source("registry", [record("c", 3)])

    async def found(*doubted: str, service: str = "ocr") -> list[str]:
        return [one.worker_id for one in (await finder(dht, registry, doubted=doubted).first(service)).candidates]

    assert await found("a", service="ner") == ["a", "b"]
    assert await found("a") == ["b"]
    assert await found("a", "b") == ["c"]
    assert await found("a", "b", "c") == ["a", "b"], "better than nobody"
    every = await finder(dht, registry, doubted=("a",)).all("ocr")
    assert {one.worker_id for one in every.candidates} == {"a", "b", "c"}, "all others have failed"


async def test_who_needs_vetted_workers_is_told_of_one_though_an_earlier_source_knows_only_others() -> None:
    volunteers = [record(f"w{n}", n + 1, trust="volunteer") for n in range(24)]
    vetted = record("v", 99, trust="vetted")
    dht, registry = Source("dht", volunteers), Source("registry", [volunteers[0], vetted])
    found = await finder(dht, registry).first("ocr", vetted=True)
    assert [item.worker_id for item in found.candidates] == ["w0", "v"]
    assert [one.name for one in found.asked] == ["dht", "registry"]
    assert len((await finder(dht, registry).first("ocr")).asked) == 1, "others need not wait for that"
    assert len((await finder(Source("dht", [*volunteers, vetted]), registry).first("ocr", vetted=True)).asked) == 1
    none = await finder(dht, Source("registry", volunteers[:1])).first("ocr", vetted=True)
    assert len(none.candidates) == 24


async def test_a_lookup_tells_whom_it_asked_and_what_came_of_it() -> None:
    dht, registry = Source("dht", error=OSError("no route")), Source("registry", [record("b", 2)])
    found = await finder(dht, registry).first("ocr")
    assert found.asked == (AskedSource(name="dht", error="no route"), AskedSource(name="registry", found=1))
    assert (await finder(registry, dht).first("ocr")).asked == (AskedSource(name="registry", found=1),)
    assert {item.name for item in (await finder(registry, dht).all("ocr")).asked} == {"dht", "registry"}


async def test_all_sources_are_joined_and_the_first_word_on_where_a_worker_is_counts() -> None:
    dht = Source("dht", [record("a", 1, load=0.1)])
    registry = Source("registry", [record("a", 9, load=0.05), record("b", 2)])
    found = await finder(dht, registry).all("ocr")
    assert [(item.worker_id, item.targets[0].base_url[-2:], item.load) for item in found.candidates] == [
        ("a", ":1", 0.1),
        ("b", ":2", 0.0),
    ]


@pytest.mark.parametrize(("dht_seen", "registry_seen", "load"), [(20.0, 10.0, 0.1), (10.0, 20.0, 0.9)])
async def test_of_two_sources_the_newer_word_on_a_load_counts(
    dht_seen: float, registry_seen: float, load: float
) -> None:
    dht = Source("dht", [record("a", 1, load=0.1, last_seen=5_000_000.0 - 30 + dht_seen)])
    registry = Source("registry", [record("a", 1, load=0.9, last_seen=5_000_000.0 - 30 + registry_seen)])
    (candidate,) = (await finder(dht, registry).all("ocr")).candidates
    assert (candidate.load, candidate.known_at) == (load, 990.0)


async def test_a_load_is_as_old_as_its_record_and_never_from_the_future() -> None:
    records = [record("a", 1, last_seen=4_999_940.0), record("b", 1, last_seen=6e9), record("c", 1)]
    found = await finder(Source("dht", records)).first("ocr")
    assert [item.known_at for item in found.candidates] == [940.0, 1000.0, 1000.0 - 86_400.0]


async def test_we_are_no_candidate_of_our_own() -> None:
    assert (await finder(Source("dht", [record("me", 1)])).first("ocr")).candidates == ()


async def test_a_source_that_fails_or_hangs_does_not_stop_the_next(caplog: pytest.LogCaptureFixture) -> None:
    class Hanging:
        name = "dht"

        async def find(self, service: str) -> Sequence[WorkerRecord]:
            await asyncio.Event().wait()
            return ()

    broken = Source("dht", error=OSError("no route"))
    registry = Source("registry", [record("b", 2)])
    asked = finder(broken, Hanging(), registry, timeout=0.5)  # type: ignore[arg-type]
    found = await asked.first("ocr")
    assert [item.worker_id for item in found.candidates] == ["b"]
    assert "no route" in caplog.text
    assert "TimeoutError" in caplog.text
    assert [item.error for item in found.asked] == ["no route", "TimeoutError", ""]


async def test_a_source_that_stays_broken_is_logged_once_and_again_after_it_was_well(
    caplog: pytest.LogCaptureFixture,
) -> None:
    registry = Source("registry", error=OSError("it does not answer"))
    asking = finder(registry)
    for _ in range(3):
        await asking.first("ocr")
    assert len(caplog.records) == 1
    registry.error = None
    await asking.first("ocr")
    registry.error = OSError("it does not answer")
    await asking.first("ocr")
    assert len(caplog.records) == 2
