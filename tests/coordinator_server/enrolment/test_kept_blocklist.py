"""The blocklist in the store: each coordinator adds to what all others have written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from coordinator_server.enrolment.kept_blocklist import KeptBlocklist
from coordinator_server.store.interface import Write
from coordinator_server.store.sqlite import SqliteStore, open_sqlite
from tests.support.mesh_keys import NOW, Clock

WEEK = 7 * 86400.0


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = await open_sqlite(tmp_path / "x.db")
    yield store
    await store.close()


async def test_what_two_write_at_once_is_written_by_one_and_the_other_begins_anew(store: SqliteStore) -> None:
    one, other = (KeptBlocklist(store, Clock(), WEEK) for _ in range(2))
    first: list[Write] = []
    second: list[Write] = []
    listed = await one.longer({"aa": NOW + WEEK}, ["w-1", "W-1"], first)
    assert (listed.names, listed.fingerprints) == (("W-1", "w-1"), ("aa",))
    assert one.current.names == (), "it counts when it is written"
    await other.longer({}, ["w-2"], second)
    assert await store.commit(first)
    assert not await store.commit(second)
    one.take(listed)
    assert await other.look() == {"w-1", "W-1"}
    assert await other.look() == set()
    again: list[Write] = []
    longer = await other.longer({}, ["w-2"], again)
    assert await store.commit(again)
    assert set(longer.names) == {"w-1", "W-1", "w-2"}
    assert longer.version > listed.version
    assert await one.look() == {"w-2"}


async def test_an_older_list_is_not_taken(store: SqliteStore) -> None:
    kept = KeptBlocklist(store, Clock(), WEEK)
    older = await kept.longer({}, ["w-1"], [])
    newer = older.with_name("w-2", NOW, WEEK)
    kept.take(newer)
    kept.take(older)
    assert kept.current == newer
    assert await kept.look() == set(), "the store has none yet"
    assert kept.current == newer


async def test_who_is_put_out_while_the_list_is_shortened_stays_on_it(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    kept, set_it = KeptBlocklist(store, clock, WEEK), store.compare_and_set
    first: list[Write] = []
    kept.take(await kept.longer({}, ["long-ago"], first))
    assert await store.commit(first)

    async def late(*arguments: Any) -> bool:
        done = await set_it(*arguments)
        writes: list[Write] = []
        longer = await kept.longer({}, ["w-1"], writes)
        assert await store.commit(writes)
        kept.take(longer)
        return done

    monkeypatch.setattr(store, "compare_and_set", late)
    clock.now += 10 * WEEK
    await kept.shorten()
    assert kept.current.names == ("w-1",)
