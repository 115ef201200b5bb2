from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

from node.routing.cache import MAX_CANDIDATES, FingerCache
from node.routing.candidates import Candidate
from tests.support.routing import Clock


class Lookup:
    """A lookup whose answer a test sets; it takes a turn of the loop, or until `gate` is set."""

    def __init__(self, *worker_ids: str) -> None:
        self.found: Sequence[Candidate] = tuple(Candidate(worker_id, ()) for worker_id in worker_ids)
        self.calls = 0
        self.gate: asyncio.Event | None = None
        self.answered = asyncio.Event()

    async def __call__(self) -> Sequence[Candidate]:
        self.calls += 1
        await asyncio.sleep(0)
        if self.gate is not None:
            await self.gate.wait()
        self.answered.set()
        return self.found


@contextlib.asynccontextmanager
async def caching(stale: float = 0.0, max_services: int = 512) -> AsyncIterator[tuple[FingerCache, Clock]]:
    clock = Clock()
    cache = FingerCache(clock=clock, stale_while_revalidate=stale, max_services=max_services)
    try:
        yield cache, clock
    finally:
        await cache.stop()


def ids(candidates: Sequence[Candidate]) -> list[str]:
    return [item.worker_id for item in candidates]


async def test_what_was_found_serves_for_its_time_to_live() -> None:
    async with caching() as (cache, clock):
        find = Lookup("a", "b")
        first = await cache.get("ocr", find)
        clock.now += 59.9
        second = await cache.get("ocr", find)
        clock.now += 0.1
        third = await cache.get("ocr", find)
        assert [found.hit for found in (first, second, third)] == [False, True, False]
        assert ids(second.candidates) == ["a", "b"]
        assert (find.calls, len(cache)) == (2, 1)


async def test_a_thousand_concurrent_misses_make_one_lookup() -> None:
    async with caching() as (cache, _):
        find = Lookup("a")
        found = await asyncio.gather(*(cache.get("ocr", find) for _ in range(1000)))
        assert find.calls == 1
        assert all(ids(one.candidates) == ["a"] for one in found)


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
        assert ids(stays.result().candidates) == ["a"]
        assert find.calls == 1


async def test_nothing_found_is_believed_for_a_second_only() -> None:
    async with caching() as (cache, clock):
        find = Lookup()
        await cache.get("ocr", find)
        clock.now += 0.9
        assert (await cache.get("ocr", find)).hit
        clock.now += 0.1
        find.found = (Candidate("a", ()),)
        assert ids((await cache.get("ocr", find)).candidates) == ["a"]
        assert find.calls == 2


async def test_an_invalidated_worker_is_gone_at_once() -> None:
    async with caching() as (cache, _):
        find = Lookup("a", "b")
        await cache.get("ocr", find)
        await cache.get("ner", find)
        cache.invalidate("ocr", "a")
        assert ids(cache.known("ocr")) == ["b"]
        assert ids(cache.known("ner")) == ["a", "b"]
        cache.invalidate_worker("b")
        assert (ids(cache.known("ocr")), ids(cache.known("ner"))) == ([], ["a"])


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
        assert ids((await cache.get("ocr", find)).candidates) == ["a"]
        clock.now += 301
        assert ids((await cache.get("ocr", find)).candidates) == []


async def test_stale_entries_serve_while_they_are_looked_up_again() -> None:
    async with caching(stale=30.0) as (cache, clock):
        find = Lookup("a")
        await cache.get("ocr", find)
        find.found = (Candidate("b", ()),)
        find.answered.clear()
        clock.now += 70
        stale = await cache.get("ocr", find)
        assert (ids(stale.candidates), stale.hit) == (["a"], True)
        await find.answered.wait()
        await asyncio.sleep(0)
        assert ids(cache.known("ocr")) == ["b"]
        assert find.calls == 2


async def test_a_refresh_asks_although_something_is_known_but_once_a_second() -> None:
    async with caching() as (cache, clock):
        find = Lookup("a")
        await cache.get("ocr", find)
        find.found = (Candidate("b", ()),)
        assert ids(await cache.refresh("ocr", find)) == ["b"]
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
        assert len(cache.known("s29")) == MAX_CANDIDATES
        assert cache.known("s0") == ()


async def test_a_forgotten_service_is_looked_up_anew() -> None:
    async with caching() as (cache, _):
        find = Lookup("a")
        await cache.get("ocr", find)
        cache.forget("ocr")
        await cache.get("ocr", find)
        assert find.calls == 2


async def test_a_lookup_does_not_bring_back_who_just_failed_unless_there_is_nobody_else() -> None:
    async with caching() as (cache, clock):
        find = Lookup("a", "b")
        await cache.get("ocr", find)
        cache.invalidate("ocr", "a")
        assert ids(await cache.refresh("ocr", find)) == ["b"]
        find.found = find.found[:1]
        clock.now += 1
        assert ids(await cache.refresh("ocr", find)) == ["a"]
        find.found = Lookup("a", "b").found
        clock.now += 10
        assert ids(await cache.refresh("ocr", find)) == ["a", "b"]
