"""The SQLite store: versions, compare-and-set, all or nothing, audit, backup, damage, full disks and power cuts."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coordinator_server.store.interface import ABSENT, AuditLine, StoreError, Write
from coordinator_server.store.sqlite import MIGRATIONS, SqliteStore, copy_database, open_database, open_sqlite
from node.program.errors import UserFacingError

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


async def test_what_is_put_can_be_read_listed_and_deleted(store: SqliteStore) -> None:
    assert await store.get("a/1") is None
    await store.put("a/2", b"two")
    await store.put("a/1", b"one")
    await store.put("ab", b"other")
    found = await store.get("a/1")
    assert found is not None
    assert found.value == b"one"
    assert [(key, entry.value) for key, entry in await store.list("a/")] == [("a/1", b"one"), ("a/2", b"two")]
    assert await store.delete("a/1")
    assert not await store.delete("a/1")
    assert await store.get("a/1") is None


async def test_compare_and_set_writes_only_over_the_expected_version(store: SqliteStore) -> None:
    assert await store.compare_and_set("k", None, b"1")
    assert not await store.compare_and_set("k", None, b"2")
    found = await store.get("k")
    assert found is not None
    assert await store.compare_and_set("k", found.version, b"2")
    assert not await store.compare_and_set("k", found.version, b"3")
    last = await store.get("k")
    assert last is not None
    assert last.value == b"2"


async def test_a_version_never_comes_twice_also_after_a_deletion(store: SqliteStore) -> None:
    seen = set()
    for _ in range(3):
        await store.put("k", b"same")
        found = await store.get("k")
        assert found is not None
        assert found.version not in seen
        seen.add(found.version)
        await store.delete("k")
        assert not await store.compare_and_set("k", found.version, b"late")


async def test_a_commit_does_all_or_nothing(store: SqliteStore) -> None:
    await store.put("taken", b"")
    writes = [Write("new", b"1", ABSENT), Write("taken", b"2", ABSENT)]
    assert not await store.commit(writes, [line("never")])
    assert await store.get("new") is None
    assert await store.audit() == []
    assert await store.commit([writes[0], Write("taken", None)], [line("done")])
    assert await store.get("taken") is None
    assert [entry.action for entry in await store.audit()] == ["done"]


async def test_only_one_of_many_wins(store: SqliteStore) -> None:
    won = await asyncio.gather(*(store.compare_and_set("k", ABSENT, str(n).encode()) for n in range(50)))
    assert sum(won) == 1


async def test_the_audit_log_is_read_newest_first_and_only_grows(store: SqliteStore, tmp_path: Path) -> None:
    for number in range(5):
        await store.commit((), [line(str(number))])
    newest = await store.audit(2)
    assert [entry.action for entry in newest] == ["4", "3"]
    assert [entry.action for entry in await store.audit(10, before=newest[-1].number)] == ["2", "1", "0"]
    assert newest[0] == AuditLine(
        **{**{f: getattr(line("4"), f) for f in line("4").__struct_fields__}, "number": 5}
    )
    other = sqlite3.connect(tmp_path / "test.db")
    try:
        for forbidden in ("DELETE FROM audit", "UPDATE audit SET actor = 'somebody else'"):
            with pytest.raises(sqlite3.IntegrityError, match="only grows"):
                other.execute(forbidden)
    finally:
        other.close()


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


async def test_a_backup_is_one_private_file_with_everything_in_it(store: SqliteStore, tmp_path: Path) -> None:
    await store.commit([Write("k", b"v")], [line("a")])
    target = tmp_path / "backup.db"
    writing = asyncio.gather(*(store.put(f"n/{n}", b"x") for n in range(50)))
    await store.backup(target)
    await writing
    assert sorted(path.name for path in tmp_path.glob("backup*")) == ["backup.db"]
    copy = await open_sqlite(target)
    found = await copy.get("k")
    assert found is not None
    assert found.value == b"v"
    assert [entry.action for entry in await copy.audit()] == ["a"]
    await copy.close()


async def test_a_full_disk_is_said_clearly_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    path = tmp_path / "small.db"
    connection = open_database(path)
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + 2}")  # SQLite answers as on a full disk
    from concurrent.futures import ThreadPoolExecutor

    store = SqliteStore(connection, ThreadPoolExecutor(1))
    await store.put("kept", b"v")
    with pytest.raises(StoreError, match="disk is full, so nothing was saved"):
        await store.commit([Write("small", b"1"), Write("big", b"x" * 100_000)], [line("lost")])
    assert await store.get("small") is None
    assert await store.audit() == []
    await store.put("kept", b"again")  # it goes on as soon as there is room
    await store.close()


@pytest.mark.parametrize(
    "damage", [b"this is no database, but a letter to my aunt, and a long one" * 40, b"\0" * 5000]
)
async def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "letter.db"
    path.write_bytes(damage)
    with pytest.raises(UserFacingError) as caught:
        await open_sqlite(path)
    assert str(path) in caught.value.title
    assert "damaged or not a database" in caught.value.message
    assert "restore" in caught.value.hint
    assert path.read_bytes() == damage


async def test_a_damaged_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    store = await open_sqlite(path)
    for number in range(200):
        await store.put(f"k{number}", os.urandom(500))
    await store.close()
    data = bytearray(path.read_bytes())
    for start in range(4096, len(data) - 64, 4096):
        data[start : start + 64] = b"\xff" * 64
    path.write_bytes(data)
    with pytest.raises(UserFacingError, match="cannot be used"):
        await open_sqlite(path)


async def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    connection = open_database(path)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    with pytest.raises(UserFacingError, match="newer version"):
        open_database(path)


async def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(UserFacingError, match="cannot be used"):
        await open_sqlite(tmp_path / "folder.db")


async def test_no_folder_no_database(tmp_path: Path) -> None:
    with pytest.raises(UserFacingError, match="cannot be used"):
        await open_sqlite(tmp_path / "nowhere" / "x.db")


def test_a_copy_replaces_nothing_of_the_original(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "x.db")
    copy_database(connection, tmp_path / "y.db")
    assert connection.execute("SELECT count(*) FROM entries").fetchone()[0] == 0
    connection.close()


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
