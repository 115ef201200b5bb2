"""Coordinators that share a store find one another, and notice who leaves, who dies and who is a copy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coordinator_server.fleet.fleet import FORGOTTEN, HERE, PREFIX, Fleet
from coordinator_server.store.sqlite import SqliteStore, open_sqlite
from node.wire.messages import CoordinatorInfo
from tests.support.mesh_keys import Clock


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = await open_sqlite(tmp_path / "x.db")
    yield store
    await store.close()


@pytest.fixture
async def theirs(tmp_path: Path, store: SqliteStore) -> AsyncIterator[SqliteStore]:
    """Open the same store as another coordinator does; where it is closed, it has died."""
    theirs = await open_sqlite(tmp_path / "x.db")
    yield theirs
    await theirs.close()


def info(name: str, url: str = "") -> CoordinatorInfo:
    return CoordinatorInfo(id=name, url=url or f"https://{name}.example.org")


async def test_they_find_one_another_and_hear_who_leaves(store: SqliteStore) -> None:
    clock, heard = Clock(), []
    one, other = (Fleet(store, name, 20.0, clock) for name in ("one", "other"))
    one.changed = lambda: heard.append(one.others)
    for fleet, name in ((one, "one"), (other, "other")):
        await fleet.beat(info(name), 3, 0.5)
    await one.look()
    await one.look()
    assert heard == [(info("other"),)]
    assert (one.url_of("other"), one.url_of("one")) == ("https://other.example.org", None)
    assert (one.alive()[0].workers, one.alive()[0].load) == (3, 0.5)
    await other.beat(info("other", "https://moved.example.org"), 4, 0.5)
    await one.look()
    assert one.url_of("other") == "https://moved.example.org"
    await other.leave()
    await other.leave()
    await other.beat(info("other"), 3, 0.5)
    await one.look()
    assert (one.others, one.silent()) == ((), []), "a word after the goodbye counts for nothing"
    assert len(heard) == 3


async def test_who_dies_is_not_told_of_any_more_and_at_last_forgotten(
    store: SqliteStore, theirs: SqliteStore
) -> None:
    clock = Clock()
    one, other = Fleet(store, "one", 20.0, clock), Fleet(theirs, "other", 20.0, clock)
    await other.beat(info("other"), 0, 0.0)
    await one.look()
    assert one.others == (info("other"),)
    await theirs.close()
    await one.look()
    assert one.others == ()
    assert [said.info.id for said in one.silent()] == ["other"]
    clock.now += FORGOTTEN + 1
    await one.look()
    await one.look()
    assert (one.silent(), await store.list(PREFIX)) == ([], [])


async def test_a_watch_tells_of_it_at_once_and_who_was_forgotten_finds_out(
    store: SqliteStore, theirs: SqliteStore
) -> None:
    clock = Clock()
    one, other = Fleet(store, "one", 20.0, clock), Fleet(theirs, "other", 20.0, clock)
    async with store.watch(PREFIX) as watch, asyncio.timeout(60):
        one.take(await anext(watch))
        assert not one.is_missing, "it has not said yet that it is here"
        await one.beat(info("one"), 0, 0.0)
        await other.beat(info("other"), 0, 0.0)
        while not one.others:
            one.take(await anext(watch))
        assert not one.is_missing
        await store.delete(PREFIX + HERE + "one")
        await theirs.close()
        while one.others or not one.is_missing:
            one.take(await anext(watch))
        await one.beat(info("one"), 0, 0.0)
        while one.is_missing:
            one.take(await anext(watch))
        await one.leave()
        one.take(await anext(watch))
        assert not one.is_missing


async def test_what_cannot_be_read_is_passed_over(store: SqliteStore) -> None:
    fleet = Fleet(store, "one", 20.0, Clock())
    await store.put(PREFIX + "newer", b'{"info": 5}')
    await store.put(PREFIX + "one", b"?")
    await fleet.look()
    assert fleet.others == ()
    await fleet.beat(info("one"), 0, 0.0)
    await fleet.beat(info("one"), 0, 0.0)


async def test_a_copy_of_ourselves_is_known_as_long_as_it_speaks(store: SqliteStore) -> None:
    own, copy = (Fleet(store, "one", 20.0, Clock()) for _ in range(2))
    there = info("one", "https://copy.example.org")
    await copy.beat(there, 0, 0.0)
    await own.beat(info("one"), 0, 0.0)
    assert own.double == "", "we may have been started again"
    await copy.beat(there, 0, 0.0)
    await own.beat(info("one"), 0, 0.0)
    assert own.double == "https://copy.example.org"
    assert copy.double == "https://one.example.org", "each of the two knows"
    await own.look()
    assert own.others == ()
    await own.beat(info("one"), 0, 0.0)
    assert own.double == ""


async def test_how_long_somebody_has_been_silent_is_counted_from_the_last_word(store: SqliteStore) -> None:
    steady = Clock()
    one, other = Fleet(store, "one", 20.0, Clock(), steady), Fleet(store, "other", 20.0, Clock())
    assert one.unheard("other") == 0.0
    await other.beat(info("other"), 0, 0.0)
    await one.look()
    steady.now += 25.0
    await one.look()
    assert one.unheard("other") == 25.0
    await other.beat(info("other"), 0, 0.0)
    await one.look()
    assert one.unheard("other") == 0.0
