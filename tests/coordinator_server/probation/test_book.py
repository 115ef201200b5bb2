"""What is kept of probations: one coordinator writes, others follow, and what nobody can read is nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coordinator_server.probation import book as module
from coordinator_server.probation.book import PREFIX, Book
from coordinator_server.probation.standing import Record
from coordinator_server.store.interface import AuditLine, Change, Seen
from coordinator_server.store.sqlite import SqliteStore, open_sqlite
from node.wire.messages import Doubted

ON = Record(since=5.0, reason="wrong", times=(5.0,))
OVER = Record(times=(5.0,))
LINE = AuditLine(time=1.0, actor="coordinator", action="worker-on-probation")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = await open_sqlite(tmp_path / "x.db")
    yield opened
    await opened.close()


async def test_what_one_writes_others_read_and_follow(store: SqliteStore) -> None:
    one, other = Book(store), Book(store)
    told: list[str] = []
    other.changed = told.append
    assert await one.write("w-1", lambda _: {"ner": ON}, LINE)
    assert not await one.write("w-1", lambda records: records, LINE)
    await other.load()
    assert (other.record("w-1", "ner"), other.record("w-1", "ocr"), told) == (ON, None, ["w-1"])
    assert await one.write("w-1", lambda _: {}, None)
    await other.take(Seen(9, [Change(PREFIX + "w-1", None)], whole=False))
    assert (other.all(), told) == ({}, ["w-1", "w-1"])
    assert len(await store.audit()) == 1


async def test_nodes_are_told_who_is_on_probation_those_that_began_last_first(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = Book(store)
    assert book.doubted() == ()
    for name, since in (("w-3", 5.0), ("w-1", 6.0), ("w-2", 7.0)):
        await book.write(name, lambda _, since=since: {"ner": Record(since=since), "ocr": OVER}, None)  # type: ignore[misc]
    assert book.doubted() == (Doubted("ner", ("w-1", "w-2", "w-3")),)
    assert [book.is_on_probation("w-3", name) for name in ("ner", "ocr")] == [True, False]
    monkeypatch.setattr(module, "MOST_TOLD", 2)
    await book.write("w-1", lambda records: {**records, "ocr": ON}, None)
    assert book.doubted() == (Doubted("ner", ("w-1", "w-2")),)
    for name in ("w-1", "w-2", "w-3"):
        await book.write(name, lambda _: {"ner": OVER}, None)
    assert book.doubted() == ()


async def test_a_whole_picture_forgets_what_is_not_in_it(store: SqliteStore) -> None:
    book = Book(store)
    await book.write("w-1", lambda _: {"ner": ON}, None)
    await book.take(Seen(9, [], whole=True))
    assert book.all() == {}


async def test_garbage_counts_as_nothing(store: SqliteStore) -> None:
    await store.put(PREFIX + "w-1", b"{")
    book = Book(store)
    await book.load()
    assert book.of("w-1") == {}
    assert await book.write("w-1", lambda _: {"ner": ON}, LINE)
    assert book.record("w-1", "ner") == ON


async def test_two_that_write_at_once_lose_nothing(store: SqliteStore) -> None:
    one, other = Book(store), Book(store)
    await one.write("w-1", lambda records: {**records, "ner": ON}, LINE)
    await other.write("w-1", lambda records: {**records, "ocr": ON}, LINE)
    assert other.of("w-1") == {"ner": ON, "ocr": ON}
