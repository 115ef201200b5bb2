"""Coordinators that share a store find one another, and notice who leaves, who dies and who is a copy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coordinator_server.fleet.fleet import FORGOTTEN, PREFIX, Fleet
from coordinator_server.store.sqlite import SqliteStore, open_sqlite
from node.wire.messages import CoordinatorInfo
from tests.support.mesh_keys import Clock


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = await open_sqlite(tmp_path / "x.db")
    yield store
    await store.close()


def info(name: str, url: str = "") -> CoordinatorInfo:
    return CoordinatorInfo(id=name, url=url or f"https://{name}.example.org")


async def test_they_find_one_another_and_hear_who_leaves(store: SqliteStore) -> None:
    clock, now, heard = Clock(), Clock(0.0), []
    one, other = (Fleet(store, name, 20.0, clock, now) for name in ("one", "other"))
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


async def test_who_dies_is_not_told_of_any_more_and_at_last_forgotten(store: SqliteStore) -> None:
    clock, now = Clock(), Clock(0.0)
    one, other = (Fleet(store, name, 20.0, clock, now) for name in ("one", "other"))
    await other.beat(info("other"), 0, 0.0)
    await one.look()
    now.now = 60.0
    await one.look()
    assert one.others == ()
    assert [said.info.id for said in one.silent()] == ["other"]
    clock.now += FORGOTTEN + 1
    await one.look()
    await one.look()
    assert (one.silent(), await store.list(PREFIX)) == ([], [])


async def test_what_cannot_be_read_is_passed_over(store: SqliteStore) -> None:
    fleet = Fleet(store, "one", 20.0, Clock(), Clock(0.0))
    await store.put(PREFIX + "newer", b'{"info": 5}')
    await store.put(PREFIX + "one", b"?")
    await fleet.look()
    assert fleet.others == ()
    await fleet.beat(info("one"), 0, 0.0)
    await fleet.beat(info("one"), 0, 0.0)


async def test_a_copy_of_ourselves_is_told_of_once(store: SqliteStore, caplog: pytest.LogCaptureFixture) -> None:
    before, after = (Fleet(store, "one", 20.0, Clock(), Clock(0.0)) for _ in range(2))
    await before.beat(info("one"), 0, 0.0)
    await after.beat(info("one"), 0, 0.0)
    assert caplog.text == "", "it may have been started again"
    await before.beat(info("one", "https://copy.example.org"), 0, 0.0)
    for _ in range(2):
        await after.beat(info("one"), 0, 0.0)
        await before.beat(info("one", "https://copy.example.org"), 0, 0.0)
    told = [record for record in caplog.records if "the same id" in record.message]
    assert 1 <= len(told) <= 2, "each of the two says it once"
    assert "https://copy.example.org" in caplog.text
    await after.look()
    assert after.others == ()
