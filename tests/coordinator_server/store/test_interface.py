"""What every store promises, held by both engines: SQLite on a file, and a real etcd."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from coordinator_server.store.etcd.store import open_etcd
from coordinator_server.store.interface import (
    ABSENT,
    LONGEST_KEY,
    MOST_TOGETHER,
    AuditLine,
    Seen,
    Store,
    StoreError,
    Write,
    is_key,
)
from coordinator_server.store.sqlite import open_sqlite
from tests.support.etcd import Cluster, etcd_cluster

ENGINES = ["sqlite", pytest.param("etcd", marks=pytest.mark.needs("etcd"))]
Opener = Callable[[], Awaitable[Store]]  # each call is another coordinator


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with etcd_cluster() as cluster:
        yield cluster


@pytest.fixture(params=ENGINES)
async def opener(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opener]:
    async with contextlib.AsyncExitStack() as stack:
        address = request.getfixturevalue("cluster").address() if request.param == "etcd" else None

        async def another() -> Store:
            opened: Store = await open_sqlite(tmp_path / "x.db") if address is None else await open_etcd(address)
            stack.push_async_callback(opened.close)
            return opened

        yield another


@pytest.fixture
async def store(opener: Opener) -> Store:
    return await opener()


def line(action: str) -> AuditLine:
    return AuditLine(time=1.5, actor="admin", action=action, subject="s", detail="d", address="127.0.0.1")


async def version(store: Store, key: str) -> int:
    found = await store.get(key)
    return found.version if found else ABSENT


async def told(watch: AsyncIterator[Seen]) -> Seen:
    async with asyncio.timeout(60):
        return await anext(watch)


async def state_of(watch: AsyncIterator[Seen], until: Callable[[dict[str, bytes]], bool]) -> dict[str, bytes]:
    """Follow a watch until what it tells is as wished."""
    state: dict[str, bytes] = {}
    async with asyncio.timeout(60):
        async for seen in watch:
            state = {} if seen.whole else state
            for change in seen.changes:
                if change.entry is None:
                    state.pop(change.key, None)
                else:
                    state[change.key] = change.entry.value
            if until(state):
                return state
    raise AssertionError("the watch has ended")


def test_a_store_that_fails_is_a_problem_of_its_own() -> None:
    error = StoreError("The disk is full, so nothing was saved.")
    assert (error.kind, error.status, error.unclear) == ("store-unavailable", 503, False)
    assert b"The disk is full" in error.document()


async def test_what_is_put_can_be_read_listed_and_deleted(store: Store) -> None:
    assert await store.get("a/1") is None
    for key, value in (("a/2", b"two"), ("a/1", b"one"), ("ab", b"other"), ("a/é☃", bytes(range(256)))):
        await store.put(key, value)
    await store.put("a/3", b"")
    found = await store.get("a/é☃")
    assert found is not None
    assert found.value == bytes(range(256))
    listed = [(key, entry.value) for key, entry in await store.list("a/")]
    assert listed == [("a/1", b"one"), ("a/2", b"two"), ("a/3", b""), ("a/é☃", bytes(range(256)))]
    assert len(await store.list("")) == 5
    assert await store.delete("a/1")
    assert not await store.delete("a/1")
    assert await store.get("a/1") is None


async def test_compare_and_set_writes_only_over_the_expected_version(store: Store) -> None:
    assert await store.compare_and_set("k", None, b"1")
    assert not await store.compare_and_set("k", None, b"2")
    first = await version(store, "k")
    assert await store.compare_and_set("k", first, b"2")
    assert not await store.compare_and_set("k", first, b"3")
    last = await store.get("k")
    assert last is not None
    assert last.value == b"2"


async def test_a_version_never_comes_twice_also_after_a_deletion(store: Store) -> None:
    seen = set()
    for _ in range(3):
        await store.put("k", b"same")
        found = await version(store, "k")
        assert found not in seen
        seen.add(found)
        await store.delete("k")
        assert not await store.compare_and_set("k", found, b"late")


async def test_a_commit_does_all_or_nothing(store: Store) -> None:
    await store.put("taken", b"")
    writes = [Write("new", b"1", ABSENT), Write("taken", b"2", ABSENT)]
    assert not await store.commit(writes, [line("never")])
    assert await store.get("new") is None
    assert await store.audit() == []
    assert await store.commit([writes[0], Write("taken", None)], [line("done")])
    assert await store.get("taken") is None
    assert [entry.action for entry in await store.audit()] == ["done"]
    assert not await store.commit([Write("new", None, ABSENT)]), "what is there is not as expected"
    assert await store.commit([Write("nobody", None)]), "what is not there is deleted already"


async def test_a_commit_of_many_records_is_done_whole_or_refused(store: Store) -> None:
    many = [Write(f"n/{number:03}", b"v", ABSENT) for number in range(2 * MOST_TOGETHER + 30)]
    await store.put("n/229", b"taken")
    assert not await store.commit(many, [line("never")]), "all conditions are looked at before anything is written"
    assert (len(await store.list("n/")), await store.audit()) == (1, [])
    await store.delete("n/229")
    assert await store.commit(many, [line(str(number)) for number in range(MOST_TOGETHER + 1)])
    assert len(await store.list("n/")) == len(many)
    assert [entry.number for entry in await store.audit()] == list(range(MOST_TOGETHER + 1, 0, -1))


@pytest.mark.parametrize("key", ["", "a\nb", "a\0", "\x7f", "\ud800", "\U0010ffff", "x" * (LONGEST_KEY + 1)])
async def test_what_cannot_be_a_key_is_never_there_and_never_written(store: Store, key: str) -> None:
    assert not is_key(key)
    assert await store.get(key) is None
    assert not await store.delete(key)
    with pytest.raises(ValueError, match="cannot be a key"):
        await store.put(key, b"")
    with pytest.raises(ValueError, match="twice"):
        await store.commit([Write("k", b"1"), Write("k", b"2")])


async def test_only_one_of_many_wins(opener: Opener) -> None:
    stores = [await opener() for _ in range(3)]
    won = await asyncio.gather(*(stores[n % 3].compare_and_set("k", ABSENT, str(n).encode()) for n in range(60)))
    assert sum(won) == 1


async def test_the_audit_log_has_one_order_whoever_writes_it(opener: Opener) -> None:
    stores = [await opener() for _ in range(2)]
    await asyncio.gather(*(stores[n % 2].commit([Write(f"k/{n}", b"")], [line(str(n))]) for n in range(40)))
    for store in stores:
        lines = await store.audit()
        assert [entry.number for entry in lines] == list(range(40, 0, -1))
        assert {entry.action for entry in lines} == {str(n) for n in range(40)}
        newest = await store.audit(2)
        assert newest == lines[:2]
        assert await store.audit(3, before=newest[-1].number) == lines[2:5]
        assert await store.audit(3, before=1) == []


async def test_who_is_cancelled_meanwhile_leaves_nothing_half_written(store: Store) -> None:
    for number in range(20):
        task = asyncio.get_running_loop().create_task(
            store.commit([Write(f"a/{number}", b"v"), Write(f"b/{number}", b"v")], [line(str(number))])
        )
        for _ in range(number):
            await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert await store.commit([Write("last", b"")], [line("last")])
    keys = [key for key, _ in await store.list("")]  # as it was at one moment; some may come yet
    assert {key[2:] for key in keys if key[0] == "a"} == {key[2:] for key in keys if key[0] == "b"}
    known = {entry.action for entry in await store.audit()}
    assert {key[2:] for key in keys if key[0] == "a"} <= known - {"last"}


async def test_a_watch_tells_all_and_then_what_changes(opener: Opener) -> None:
    store, other = await opener(), await opener()
    await store.put("a/1", b"1")
    await store.put("b/1", b"elsewhere")
    async with store.watch("a/") as watch:
        first = await told(watch)
        assert first.whole
        assert [(change.key, change.entry and change.entry.value) for change in first.changes] == [("a/1", b"1")]
        await other.commit([Write("a/2", b"2"), Write("b/2", b"elsewhere")])
        second = await told(watch)
        assert not second.whole
        assert second.revision > first.revision
        (change,) = second.changes
        assert (change.key, change.entry) == ("a/2", await store.get("a/2"))
        await store.delete("a/1")
        await other.delete("a/2")
        assert await state_of(watch, lambda _: True) == {}
        await store.put("a/1", b"again")
        await state_of(watch, lambda state: state == {"a/1": b"again"})


async def test_a_watch_ends_with_its_store(opener: Opener) -> None:
    store = await opener()
    async with store.watch("a/") as watch:
        await told(watch)
        waiting = asyncio.get_running_loop().create_task(anext(watch, None))
        await asyncio.sleep(0.05)
        await store.close()
        async with asyncio.timeout(60):
            assert await waiting is None
    with pytest.raises(StoreError, match="stopping"):
        await store.get("a/1")
    await store.close()


async def test_leased_keys_go_with_their_owner(opener: Opener) -> None:
    owner, other = await opener(), await opener()
    assert owner.leased_until < time.monotonic(), "there are none"
    await owner.put("here/owner", b"1", leased=True)
    assert owner.leased_until > time.monotonic()
    assert await owner.compare_and_set("elected", None, b"owner", leased=True)
    assert not await other.compare_and_set("elected", None, b"other", leased=True)
    await owner.put("stays", b"")
    assert [key for key, _ in await other.list("")] == ["elected", "here/owner", "stays"]
    assert [key for key, _ in await other.kept()] == ["stays"]
    async with other.watch("here/") as watch:
        assert [change.key for change in (await told(watch)).changes] == ["here/owner"]
        await owner.close()
        (change,) = (await told(watch)).changes
        assert change.entry is None
    assert [key for key, _ in await other.list("")] == ["stays"]
    assert await other.compare_and_set("elected", None, b"other", leased=True)


async def test_a_key_is_leased_as_it_was_written_last(opener: Opener) -> None:
    owner, other = await opener(), await opener()
    await owner.put("a", b"1", leased=True)
    await owner.put("a", b"2")
    await owner.put("b", b"1")
    await owner.put("b", b"2", leased=True)
    await owner.close()
    assert [key for key, _ in await other.list("")] == ["a"]


async def test_what_is_brought_keeps_its_numbers_and_comes_once(opener: Opener) -> None:
    store = await opener()
    lines = [AuditLine(time=float(n), actor="a", action=str(n), number=n) for n in range(3, 240)]
    entries = [(f"k/{n:03}", b"x" * 10) for n in range(300)]
    for _ in range(2):
        await store.bring(entries, lines)
    assert await store.kept() == entries
    assert list(reversed(await store.audit())) == lines
    await store.commit([], [line("next")])
    assert (await store.audit(1))[0].number == 240


async def test_a_backup_is_one_private_database_with_everything_in_it(opener: Opener, tmp_path: Path) -> None:
    store = await opener()
    await store.commit([Write("k", b"v"), Write("here", b"", leased=True)], [line("a"), line("b")])
    writing = asyncio.gather(*(store.put(f"n/{n}", b"x") for n in range(50)))
    await store.backup(tmp_path / "backup.db")
    await writing
    assert sorted(path.name for path in tmp_path.glob("backup*")) == ["backup.db"]
    copy = await open_sqlite(tmp_path / "backup.db")
    assert ("k", b"v") in await copy.kept()
    assert [entry.action for entry in await copy.audit()] == ["b", "a"]
    await copy.close()


async def test_large_values_come_back_whole(store: Store) -> None:
    values = {f"large/{n}": bytes([n]) * 900_000 for n in range(5)}
    await store.commit([Write(key, value) for key, value in values.items()])
    assert {key: entry.value for key, entry in await store.list("large/")} == values


async def test_counting_together_loses_and_doubles_nothing(opener: Opener) -> None:
    stores = [await opener() for _ in range(3)]
    done = 0

    async def count(store: Store, times: int) -> None:
        nonlocal done
        while times:
            found = await store.get("counter")
            number = int(found.value) if found else 0
            if await store.compare_and_set("counter", found.version if found else None, b"%d" % (number + 1)):
                times, done = times - 1, done + 1

    await asyncio.gather(*(count(store, 20) for store in stores for _ in range(2)))
    found = await stores[0].get("counter")
    assert found is not None
    assert int(found.value) == done == 120
