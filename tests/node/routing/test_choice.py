from __future__ import annotations

from node.routing.choice import Choice
from tests.support.routing import OCR, Front, Source, front, record


def choice(gateway: Front, *, vetted_only: bool = False) -> Choice:
    return Choice(gateway.router._parts, OCR, vetted_only=vetted_only)


async def settled(made: Choice) -> str | None:
    """Choose, looking up as often as that takes."""
    while not made.ready(made._parts.clock()):
        await made.look_up()
    return made.picked.worker_id if made.picked is not None else None


async def test_with_a_warm_cache_it_is_ready_at_once_and_counts_a_hit() -> None:
    async with front(Source(records=[record("w1", 1)])) as gateway:
        first = choice(gateway)
        assert not first.ready(first._parts.clock())
        assert await settled(first) == "w1"
        assert choice(gateway).ready(gateway.router._parts.clock())
        stats = gateway.router.stats()
        assert (stats.cache_hits, stats.cache_misses) == (1, 1)


async def test_who_is_picked_stays_picked_until_asked_or_chosen_anew() -> None:
    async with front(Source(records=[record("w1", 1), record("w2", 2)])) as gateway:
        made = choice(gateway)
        picked = await settled(made)
        for _ in range(20):
            assert await settled(made) == picked
        assert picked is not None
        made.tried.add(picked)
        assert await settled(made) not in (picked, None)
        made.again()
        assert made.picked is None


async def test_nobody_is_picked_twice_and_the_sources_are_asked_once_more_before_it_gives_up() -> None:
    source = Source(records=[record("w1", 1)])
    async with front(source) as gateway:
        made = choice(gateway)
        made.tried.add(str(await settled(made)))
        assert not made.ready(made._parts.clock())
        source.records.append(record("w2", 2))
        assert await settled(made) == "w2"
        made.tried.add("w2")
        assert await settled(made) is None
        assert source.asked == 2


async def test_who_failed_lately_is_asked_when_nobody_else_is_left() -> None:
    records = [record("w1", 1), record("w2", 2), record("w3", 3)]
    async with front(Source(records=records)) as gateway:
        await settled(choice(gateway))
        cache, clock = gateway.router._parts.cache, gateway.router._parts.clock
        for name in ("w1", "w2"):
            cache.invalidate(OCR.name, name)
        made = choice(gateway)
        assert await settled(made) == "w3"
        made.tried.add("w3")  # whose answer was a bad one, so that it stays known
        assert not made.ready(clock())
        assert await settled(made) in ("w1", "w2")
        cache.invalidate_worker("w1")
        cache.invalidate_worker("w2")
        made.again()
        assert await settled(made) is None, "who was revoked, or failed once more, is not asked"


async def test_ourselves_and_the_unvetted_are_left_out() -> None:
    records = [record("gateway", 1), record("w1", 2, trust="volunteer")]
    async with front(Source(records=records)) as gateway:
        assert await settled(choice(gateway)) == "w1"
        assert await settled(choice(gateway, vetted_only=True)) is None


async def test_a_second_worker_costs_the_budget_and_must_have_room() -> None:
    async with front(Source(records=[record("w1", 1), record("w2", 2, load=0.9)])) as gateway:
        parts, made = gateway.router._parts, choice(gateway)
        assert await settled(made) in ("w1", "w2")
        made.tried.add("w1")
        second = made.second()
        assert second is not None
        assert second.worker_id == "w2"
        assert made.places() == 2 * OCR.concurrency
        for _ in range(5):
            parts.breakers.failed(OCR.name, "w2", parts.clock())
        assert made.second() is None
