from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.routing.cache import MAX_CANDIDATES, MAX_SHUNNED, FingerCache
from node.routing.candidates import Candidate
from node.routing.sources import Finding
from node.state import AskedSource
from tests.support.routing import Clock
from tests.support.waiting import eventually

ASKED = (AskedSource(name="dht"),)


class Lookup:
    """A lookup whose answer a test sets; it takes a turn of the loop, or until `gate` is set."""

    def __init__(self, *worker_ids: str) -> None:
        self.found: Sequence[Candidate] = tuple(Candidate(worker_id, ()) for worker_id in worker_ids)
        self.calls = 0
        self.gate: asyncio.Event | None = None
        self.answered = asyncio.Event()

    async def __call__(self) -> Finding:
        self.calls += 1
        await asyncio.sleep(0)
        if self.gate is not None:
            await self.gate.wait()
        self.answered.set()
        return Finding(self.found, ASKED)


@contextlib.asynccontextmanager
async def caching(stale: float = 0.0, max_services: int = 512) -> AsyncIterator[tuple[FingerCache, Clock]]:
    clock = Clock()
    cache = FingerCache(clock=clock, stale_while_revalidate=stale, max_services=max_services)
    try:
        yield cache, clock
    finally:
        await cache.stop()


def ids(candidates: Iterable[Candidate]) -> list[str]:
    return [item.worker_id for item in candidates]


def loads(cache: FingerCache, service: str) -> dict[str, float]:
    return {item.worker_id: item.load for item in cache.ranking(service)}


async def test_what_was_found_serves_for_its_time_to_live() -> None:
    async with caching() as (cache, clock):
        find = Lookup("a", "b")
        first = await cache.get("ocr", find)
        clock.now += 59.9
        second = await cache.get("ocr", find)
        clock.now += 0.1
        third = await cache.get("ocr", find)
        assert [found.hit for found in (first, second, third)] == [False, True, False]
        assert ids(second.ranking) == ["a", "b"]
        assert (find.calls, len(cache)) == (2, 1)


async def test_after_a_route_has_changed_everybody_is_looked_up_anew_while_the_old_ones_serve() -> None:
    async with caching(stale=30.0) as (cache, clock):
        find = Lookup("a")
        await cache.get("ocr", find)
        cache.expire()
        assert cache.fresh("ocr", clock.now) is None
        find.answered.clear()
        assert ids((await cache.get("ocr", find)).ranking) == ["a"]
        await find.answered.wait()
        await asyncio.sleep(0)
        assert find.calls == 2
        assert cache.fresh("ocr", clock.now) is not None
        clock.now += 59.0
        cache.expire()
        clock.now += 31.0
        assert cache.known("ocr", find) is None, "for no longer than what is stale ever serves"


async def test_a_thousand_concurrent_misses_make_one_lookup() -> None:
    async with caching() as (cache, _):
        find = Lookup("a")
        found = await asyncio.gather(*(cache.get("ocr", find) for _ in range(1000)))
        assert find.calls == 1
        assert all(ids(one.ranking) == ["a"] for one in found)


async def test_who_stops_waiting_leaves_the_lookup_to_the_others() -> None:
    async with caching() as (cache, _):
        find = Lookup("a")
        find.gate = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            leaver = group.create_task(cache.get("ocr", find))
            stays = group.create_task(cache.get("ocr", find))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            leaver.cancel()
            find.gate.set()
        assert ids(stays.result().ranking) == ["a"]
        assert find.calls == 1


async def test_nothing_found_is_believed_for_a_second_only() -> None:
    async with caching() as (cache, clock):
        find = Lookup()
        await cache.get("ocr", find)
        clock.now += 0.9
        assert (await cache.get("ocr", find)).hit
        clock.now += 0.1
        find.found = (Candidate("a", ()),)
        assert ids((await cache.get("ocr", find)).ranking) == ["a"]
        assert find.calls == 2


async def test_who_appears_is_looked_up_at_once_where_nobody_was_known() -> None:
    async with caching() as (cache, _):
        find, other = Lookup(), Lookup("b")
        await cache.get("ocr", find)
        await cache.get("ner", other)
        find.found = (Candidate("a", ()),)
        assert ids((await cache.get("ocr", find)).ranking) == []
        cache.appeared(["ocr", "ner", "unheard-of"])
        assert ids((await cache.get("ocr", find)).ranking) == ["a"]
        assert (await cache.get("ner", other)).hit, "somebody is known"
        assert (find.calls, other.calls, len(cache)) == (2, 1, 2)


async def test_who_appears_while_nobody_is_found_is_looked_up_by_the_next_request() -> None:
    async with caching() as (cache, _):
        find = Lookup()
        find.gate = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            first = group.create_task(cache.get("ocr", find))
            await eventually(lambda: find.calls == 1, "the lookup is under way")
            cache.appeared(["ocr"])
            find.gate.set()
        assert ids(first.result().ranking) == []
        find.found = (Candidate("a", ()),)
        assert ids((await cache.get("ocr", find)).ranking) == ["a"]
        assert (await cache.get("ocr", find)).hit


async def test_an_invalidated_worker_is_gone_at_once() -> None:
    async with caching() as (cache, _):
        find = Lookup("a", "b")
        await cache.get("ocr", find)
        await cache.get("ner", find)
        cache.invalidate("ocr", "a")
        assert ids(cache.ranking("ocr")) == ["b"]
        assert ids(cache.ranking("ner")) == ["a", "b"]
        cache.invalidate_worker("b")
        assert (ids(cache.ranking("ocr")), ids(cache.ranking("ner"))) == ([], ["a"])


async def test_after_the_last_worker_was_invalidated_the_next_request_looks_again() -> None:
    async with caching() as (cache, _):
        find = Lookup("a")
        await cache.get("ocr", find)
        cache.invalidate("ocr", "a")
        assert len(cache) == 0
        assert not (await cache.get("ocr", find)).hit
        assert find.calls == 2


async def test_known_workers_serve_on_while_nobody_can_be_looked_up() -> None:
    async with caching() as (cache, clock):
        find = Lookup("a")
        await cache.get("ocr", find)
        find.found = ()
        clock.now += 61
        assert ids((await cache.get("ocr", find)).ranking) == ["a"]
        clock.now += 301
        assert ids((await cache.get("ocr", find)).ranking) == []


async def test_stale_entries_serve_while_they_are_looked_up_again() -> None:
    async with caching(stale=30.0) as (cache, clock):
        find = Lookup("a")
        await cache.get("ocr", find)
        find.found = (Candidate("b", ()),)
        find.answered.clear()
        clock.now += 70
        stale = await cache.get("ocr", find)
        assert (ids(stale.ranking), stale.hit) == (["a"], True)
        await find.answered.wait()
        await asyncio.sleep(0)
        assert ids(cache.ranking("ocr")) == ["b"]
        assert find.calls == 2


async def test_a_refresh_asks_although_something_is_known_but_once_a_second() -> None:
    async with caching() as (cache, clock):
        find = Lookup("a")
        await cache.get("ocr", find)
        find.found = (Candidate("b", ()),)
        await cache.refresh("ocr", find)
        assert ids(cache.ranking("ocr")) == ["b"]
        await cache.refresh("ocr", find)
        assert find.calls == 2
        clock.now += 1.0
        await asyncio.gather(*(cache.refresh("ocr", find) for _ in range(100)))
        assert find.calls == 3


async def test_a_new_load_is_noted_for_all_services_or_for_one() -> None:
    async with caching() as (cache, _):
        await cache.get("ocr", Lookup("a"))
        await cache.get("ner", Lookup("a", "b"))
        cache.update_load("a", 0.7)
        cache.update_load("b", 1.0, "ner")
        cache.update_load("b", 0.1, "ocr")
        cache.update_load("stranger", 0.1)
        loads = [(service, item.worker_id, item.load) for service, item in cache.all_known()]
        assert loads == [("ocr", "a", 0.7), ("ner", "a", 0.7), ("ner", "b", 1.0)]


async def test_it_is_bounded_in_services_and_candidates() -> None:
    async with caching(max_services=10) as (cache, _):
        many = Lookup(*(f"w{number}" for number in range(MAX_CANDIDATES + 50)))
        for number in range(30):
            await cache.get(f"s{number}", many)
        assert len(cache) == 10
        assert len(cache.ranking("s29")) == MAX_CANDIDATES
        assert len(cache.ranking("s0")) == 0


async def test_a_lookup_does_not_bring_back_who_just_failed_unless_there_is_nobody_else() -> None:
    async with caching() as (cache, clock):
        find = Lookup("a", "b")
        await cache.get("ocr", find)
        cache.invalidate("ocr", "a")
        await cache.refresh("ocr", find)
        assert ids(cache.ranking("ocr")) == ["b"]
        find.found = find.found[:1]
        clock.now += 1
        await cache.refresh("ocr", find)
        assert ids(cache.ranking("ocr")) == ["a"]
        find.found = Lookup("a", "b").found
        clock.now += 10
        await cache.refresh("ocr", find)
        assert ids(cache.ranking("ocr")) == ["a", "b"]


async def test_when_the_last_one_fails_those_who_failed_before_are_asked_again_at_once() -> None:
    async with caching() as (cache, _):
        find = Lookup("a", "b")
        await cache.get("ocr", find)
        cache.invalidate("ocr", "a")
        await cache.refresh("ocr", find)
        cache.invalidate("ocr", "b")
        await cache.refresh("ocr", find)
        assert ids(cache.ranking("ocr")) == ["a", "b"]
        await cache.refresh("ocr", find)
        assert find.calls == 3


async def test_the_newest_word_on_a_load_wins_whichever_way_it_came() -> None:
    async with caching() as (cache, clock):
        find = Lookup("a")
        find.found = (Candidate("a", (), 0.9, known_at=clock.now - 20),)
        await cache.get("ocr", find)
        clock.now += 5
        cache.update_load("a", 0.2)  # an answer
        clock.now += 60
        await cache.get("ocr", find)  # brings the same old record again
        assert find.calls == 2
        assert loads(cache, "ocr") == {"a": 0.2}
        await cache.refresh("ocr", find)
        assert loads(cache, "ocr") == {"a": 0.2}
        find.found = (Candidate("a", (), 0.6, known_at=clock.now - 1),)
        clock.now += 60
        await cache.get("ocr", find)
        assert loads(cache, "ocr") == {"a": 0.6}


async def test_a_worker_that_comes_back_has_the_load_that_was_known_last() -> None:
    async with caching() as (cache, clock):
        find = Lookup("a", "b")
        await cache.get("ocr", find)
        cache.update_load("a", 0.8)
        cache.invalidate("ocr", "a")
        cache.update_load("a", 0.7)
        clock.now += 61
        await cache.get("ocr", find)
        assert loads(cache, "ocr") == {"a": 0.8, "b": 0.0}, "of two words of one moment the careful one counts"
        clock.now += 1
        cache.update_load("a", 0.7)
        clock.now += 60
        await cache.get("ocr", find)
        assert loads(cache, "ocr") == {"a": 0.7, "b": 0.0}


async def test_one_service_tells_another_how_busy_their_worker_is() -> None:
    async with caching() as (cache, clock):
        find = Lookup("a")
        await cache.get("ocr", find)
        cache.update_load("a", 1.0, "ocr")  # it refused: this service is full
        await cache.get("ner", find)
        assert (loads(cache, "ocr"), loads(cache, "ner")) == ({"a": 1.0}, {"a": 0.0})
        clock.now += 1
        cache.update_load("a", 0.4)
        assert (loads(cache, "ocr"), loads(cache, "ner")) == ({"a": 0.4}, {"a": 0.4})


@pytest.mark.parametrize("load", [float("nan"), float("inf"), -1.0, 1e9])
async def test_what_is_no_load_changes_nothing(load: float) -> None:
    async with caching() as (cache, _):
        await cache.get("ocr", Lookup("a"))
        cache.update_load("a", 0.5)
        cache.update_load("a", load)
        assert loads(cache, "ocr") == {"a": 0.5}


@given(st.lists(st.tuples(st.sampled_from(("lookup", "refresh", "answer", "invalidate")), st.integers(0, 100))))
def test_whatever_happens_the_load_is_the_newest_that_was_told(steps: list[tuple[str, int]]) -> None:
    async def play() -> None:
        async with caching() as (cache, clock):
            told: list[tuple[float, float]] = []
            for what, percent in steps:
                clock.now += 61
                find = Lookup("a")
                if what == "answer":
                    cache.update_load("a", percent / 100)
                    told.append((clock.now, percent / 100))
                elif what == "invalidate":
                    cache.invalidate("ocr", "a")
                else:
                    age = percent * 3.0  # an old record, or a new one
                    find.found = (Candidate("a", (), percent / 100, known_at=clock.now - age),)
                    await (cache.get if what == "lookup" else cache.refresh)("ocr", find)
                    told.append((clock.now - age, percent / 100))
                if told and cache.ranking("ocr").get("a"):
                    assert loads(cache, "ocr") == {"a": max(told)[1]}

    asyncio.run(play())


async def test_knowledge_tells_how_old_an_entry_is_and_what_is_left_of_it() -> None:
    async with caching(stale=30.0) as (cache, clock):
        assert cache.knowledge("ocr").age is None
        assert cache.knowledge("ocr").over
        find = Lookup("a", "b")
        await cache.get("ocr", find)
        clock.now += 20
        cache.invalidate("ocr", "b", "no answer")
        known = cache.knowledge("ocr")
        assert (known.age, known.fresh_for, known.stale_for, known.over) == (20.0, 40.0, 30.0, False)
        assert (ids(known.candidates), known.asked) == (["a"], ASKED)
        (shunned,) = known.shunned
        assert (shunned.worker_id, shunned.until, shunned.reason) == ("b", clock.now + 10, "no answer")
        assert shunned.candidate == Candidate("b", ())
        clock.now += 50
        known = cache.knowledge("ocr")
        assert (known.fresh_for, known.stale_for, known.shunned) == (0.0, 20.0, ())
        clock.now += 20
        assert cache.knowledge("ocr").over
        assert find.calls == 1


async def test_two_failures_at_once_leave_one_word_on_who_it_was() -> None:
    async with caching() as (cache, _):
        await cache.get("ocr", Lookup("a", "b"))
        cache.invalidate("ocr", "a", "no answer")
        cache.invalidate("ocr", "a", "no connection")
        (shunned,) = cache.knowledge("ocr").shunned
        assert (shunned.candidate, shunned.reason) == (Candidate("a", ()), "no connection")


async def test_a_long_list_of_the_revoked_displaces_nobody_who_failed() -> None:
    async with caching() as (cache, _):
        await cache.get("ocr", Lookup("a", "b"))
        cache.invalidate("ocr", "a", "no answer")
        for number in range(MAX_SHUNNED + 10):
            cache.invalidate_worker(f"revoked-{number}")
        assert [item.worker_id for item in cache.knowledge("ocr").shunned] == ["a"]
