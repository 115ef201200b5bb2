"""What is SQLite's own: full disks and power cuts, leases by a clock, watches by polling."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from coordinator_server.store import sqlite
from coordinator_server.store.database import open_database, open_reader
from coordinator_server.store.interface import AuditLine, Seen, StoreError, Versioned, Write
from coordinator_server.store.sqlite import SqliteStore, open_sqlite
from node.program.errors import UserFacingError
from node.program.tasks import TaskSet
from tests.support.mesh_keys import Clock

WRITER = """
import asyncio, sys
from pathlib import Path
from coordinator_server.store.interface import AuditLine, Write
from coordinator_server.store.sqlite import open_sqlite

async def main() -> None:
    store = await open_sqlite(Path(sys.argv[1]))
    number = len(await store.list("n/"))
    while True:
        line = AuditLine(time=0.0, actor="a", action=str(number))
        assert await store.commit([Write(f"n/{number:09}", b"x" * 2000, 0)], [line])
        print(number, flush=True)
        number += 1

asyncio.run(main())
"""


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = await open_sqlite(tmp_path / "test.db")
    yield store
    await store.close()


def line(action: str) -> AuditLine:
    return AuditLine(time=1.5, actor="admin", action=action, subject="s", detail="d", address="127.0.0.1")


async def test_the_audit_log_only_grows(store: SqliteStore, tmp_path: Path) -> None:
    await store.commit((), [line("a")])
    other = sqlite3.connect(tmp_path / "test.db")
    try:
        for forbidden in ("DELETE FROM audit", "UPDATE audit SET actor = 'somebody else'"):
            with pytest.raises(sqlite3.IntegrityError, match="only grows"):
                other.execute(forbidden)
    finally:
        other.close()


async def test_a_reader_that_cannot_be_opened_is_said_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sqlite3.connect
    opened: list[sqlite3.Connection] = []

    def once(*args: Any, **settings: Any) -> sqlite3.Connection:
        if opened:
            raise sqlite3.OperationalError("unable to open database file")
        opened.append(connect(*args, **settings))
        return opened[0]

    monkeypatch.setattr(sqlite3, "connect", once)
    before = set(threading.enumerate())
    with pytest.raises(UserFacingError, match="cannot be used"):
        await open_sqlite(tmp_path / "new.db")
    assert set(threading.enumerate()) <= before
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened[0].execute("SELECT 1")


async def test_who_is_cancelled_meanwhile_does_not_undo_a_commit(store: SqliteStore) -> None:
    task = asyncio.get_running_loop().create_task(store.put("k", b"v"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await store.list("") in ([], [("k", await store.get("k"))])  # before or after, never in between


async def test_everything_is_there_after_reopening(tmp_path: Path) -> None:
    first = await open_sqlite(tmp_path / "x.db")
    await first.commit([Write("k", b"v")], [line("a")])
    await first.close()
    await first.close()  # any number of times
    with pytest.raises(StoreError, match="stopping"):
        await first.get("k")
    second = await open_sqlite(tmp_path / "x.db")
    found = await second.get("k")
    assert found is not None
    assert found.value == b"v"
    assert len(await second.audit()) == 1
    await second.close()


async def test_the_database_is_private_and_safe_against_power_cuts(store: SqliteStore, tmp_path: Path) -> None:
    await store.put("k", b"v")
    if os.name == "posix":
        for path in tmp_path.glob("test.db*"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    connection = open_database(tmp_path / "other.db")
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2  # FULL
    connection.close()


async def test_a_full_disk_is_said_clearly_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    path = tmp_path / "small.db"
    connection = open_database(path)
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + 2}")  # SQLite answers as on a full disk
    store = SqliteStore(connection, ThreadPoolExecutor(1))
    await store.put("kept", b"v")
    with pytest.raises(StoreError, match="disk is full, so nothing was saved"):
        await store.commit([Write("small", b"1"), Write("big", b"x" * 100_000)], [line("lost")])
    assert await store.get("small") is None
    assert await store.audit() == []
    await store.put("kept", b"again")  # it goes on as soon as there is room
    await store.close()


async def test_reading_goes_on_while_somebody_is_halted_in_the_middle_of_a_commit(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "x.db")
    connection.execute("PRAGMA busy_timeout = 120000")
    store = SqliteStore(connection, ThreadPoolExecutor(1), reader=open_reader(tmp_path / "x.db"))
    await store.put("a", b"1")
    halted = open_database(tmp_path / "x.db")
    halted.execute("BEGIN IMMEDIATE")
    tasks = TaskSet("test")
    writing = tasks.start(store.put("a", b"2"), "writing")
    for _ in range(20):
        assert (await store.get("a") or Versioned(b"", 0)).value == b"1"
    async with store.watch("") as watch:
        assert (await anext(watch)).whole
    assert not writing.done(), "it waits for the other one"
    halted.execute("ROLLBACK")
    await writing
    assert (await store.get("a") or Versioned(b"", 0)).value == b"2"
    halted.close()
    await store.close()


@pytest.mark.processes
def test_kill_9_loses_no_acknowledged_write_and_keeps_no_half_of_one(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    acknowledged = -1
    for number in range(3):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        for _ in range(20 + 7 * number):
            acknowledged = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        acknowledged = max([acknowledged, *map(int, process.stdout.read().split())])
        process.stdout.close()
        process.wait()
        connection = open_database(path)
        entries = connection.execute("SELECT count(*) FROM entries").fetchone()[0]
        lines = connection.execute("SELECT count(*) FROM audit").fetchone()[0]
        connection.close()
        assert entries == lines
        assert acknowledged + 1 <= entries <= acknowledged + 2  # one more may be written but not said yet


def leaser(path: Path, clock: Clock) -> SqliteStore:
    return SqliteStore(open_database(path), ThreadPoolExecutor(1), clock, lease=10.0)


async def test_leased_keys_of_the_dead_are_gone_after_a_while(tmp_path: Path) -> None:
    clock = Clock(100.0)
    dead, other = leaser(tmp_path / "x.db", clock), leaser(tmp_path / "x.db", clock)
    await dead.put("here", b"", leased=True)
    await dead._tasks.stop()  # nobody says any more that it lives
    await dead.get("here")  # and nobody is about to
    clock.now = 109.9
    assert await other.get("here") is not None
    async with other.watch("here") as watch:
        await anext(watch)
        clock.now = 110.1
        assert await other.get("here") is None
        assert await other.list("here") == []
        assert [change.entry for change in (await anext(watch)).changes] == [None]
    assert await other.compare_and_set("here", None, b"other", leased=True)
    assert dead.leased_until < clock.now
    await dead.put("here", b"again", leased=True)
    assert dead.leased_until == 120.1, "who was only halted begins anew"
    assert await other.get("here") is not None
    for store in (dead, other):
        await store.close()


@pytest.mark.parametrize("what", ["keeps its lease", "is refused"])
async def test_a_watch_tells_of_the_dead_whatever_of_ours_clears_them_away(tmp_path: Path, what: str) -> None:
    clock = Clock(100.0)
    dead, other = leaser(tmp_path / "x.db", clock), leaser(tmp_path / "x.db", clock)
    await dead.put("here/dead", b"", leased=True)
    await other.put("here/other", b"", leased=True)
    for store in (dead, other):
        await store._tasks.stop()  # nobody says any more that it lives, unless we say so
    async with other.watch("here/") as watch, asyncio.timeout(60):
        assert len((await anext(watch)).changes) == 2
        clock.now += 9.0
        await other._keep_lease()
        clock.now += 2.0
        if what == "is refused":
            assert not await other.compare_and_set("here/other", None, b"")
        else:
            await other._keep_lease()
        while (seen := await anext(watch)).whole or seen.changes[0].key != "here/dead":
            pass
        assert seen.changes[0].entry is None
    await dead.close()
    await other.close()


async def test_who_is_halted_right_before_a_commit_has_what_it_leases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(100.0)
    halted, other = leaser(tmp_path / "x.db", clock), leaser(tmp_path / "x.db", clock)
    await halted.put("here/old", b"", leased=True)
    await halted._tasks.stop()
    begin = halted._begin_lease

    async def begin_and_halt() -> None:
        await begin()
        clock.now += 60.0
        await other.commit([Write("else", b"")])  # which clears away what belongs to the dead

    monkeypatch.setattr(halted, "_begin_lease", begin_and_halt)
    async with other.watch("here/") as watch, asyncio.timeout(60):
        await anext(watch)
        await halted.put("here/new", b"", leased=True)
        assert [key for key, _ in await other.list("here/")] == ["here/new"]
        told: dict[str, bool] = {}
        while "here/new" not in told:
            told |= {change.key: change.entry is not None for change in (await anext(watch)).changes}
        assert told == {"here/old": False, "here/new": True}
    for store in (halted, other):
        await store.close()


async def test_leases_from_before_the_machine_was_started_again_are_over(tmp_path: Path) -> None:
    before = leaser(tmp_path / "x.db", Clock(50_000.0))
    await before.put("here", b"", leased=True)
    after = leaser(tmp_path / "x.db", Clock(3.0))
    assert await after.get("here") is None
    await after.put("other", b"", leased=True)
    assert [key for key, _ in await after.list("")] == ["other"]
    for store in (before, after):
        await store.close()


async def test_a_watch_that_missed_too_many_deletions_tells_all_again(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "KEPT_REMOVALS", 5)
    await store.put("a", b"")
    await store.put("b", b"")
    async with store.watch("") as watch:
        assert (await anext(watch)).whole
        await store.delete("a")
        assert not (await anext(watch)).whole
        for _ in range(4):
            await store.put("c", b"")
            await store.delete("c")
        seen = await anext(watch)
        assert (seen.whole, [change.key for change in seen.changes]) == (True, ["b"])


async def test_a_watch_goes_on_when_the_database_can_be_read_again(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "PAUSE", 0.01)
    failing = iter([True, True, False])
    look = store._changes

    def changes(prefix: str, since: int | None) -> Seen:
        if next(failing, False):
            raise sqlite3.OperationalError("disk I/O error")
        return look(prefix, since)

    monkeypatch.setattr(store, "_changes", changes)
    async with store.watch("") as watch, asyncio.timeout(60):
        assert (await anext(watch)).whole
        failing = iter([True])
        await store.put("a", b"")
        assert [change.key for change in (await anext(watch)).changes] == ["a"]
