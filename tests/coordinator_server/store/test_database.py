"""The file: who may read it, damage, versions older and newer than ours, several that open it at once."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from coordinator_server.store.database import MIGRATIONS, copy_database, open_database
from coordinator_server.store.interface import AuditLine, Versioned, Write
from coordinator_server.store.sqlite import open_sqlite
from node.program.errors import UserFacingError


def line(action: str) -> AuditLine:
    return AuditLine(time=1.5, actor="admin", action=action, subject="s", detail="d", address="127.0.0.1")


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


async def test_what_was_replaced_or_deleted_is_in_no_later_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sqlite3.connect

    def careless(*args: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*args, **options)
        connection.execute("PRAGMA secure_delete = OFF")  # as SQLite is built on most systems
        return connection

    monkeypatch.setattr(sqlite3, "connect", careless)
    store = await open_sqlite(tmp_path / "x.db")
    for number in range(50):
        await store.put(f"k{number:02}", b"sealed with the old passphrase %02d " % number + os.urandom(300))
    for number in range(50):
        if number % 2:
            await store.delete(f"k{number:02}")
        else:
            await store.put(f"k{number:02}", b"new")
    await store.backup(tmp_path / "copy.db")
    await store.close()
    for name in ("copy.db", "x.db"):
        assert b"old passphrase" not in (tmp_path / name).read_bytes()


async def test_many_may_open_a_new_database_at_once(tmp_path: Path) -> None:
    for number in range(5):
        stores = await asyncio.gather(*(open_sqlite(tmp_path / f"{number}.db") for _ in range(8)))
        await asyncio.gather(*(store.commit([Write(f"k/{n}", b"")], [line("a")]) for n, store in enumerate(stores)))
        assert len(await stores[0].list("k/")) == len(await stores[0].audit()) == 8
        await asyncio.gather(*(store.close() for store in stores))


async def test_a_database_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "x.db")
    connection.executescript(MIGRATIONS[0])
    connection.execute("INSERT INTO entries VALUES ('k', x'76', 7)")
    connection.execute("UPDATE revision SET last = 7")
    connection.execute("PRAGMA user_version = 1")
    connection.commit()
    connection.close()
    store = await open_sqlite(tmp_path / "x.db")
    assert await store.get("k") == Versioned(b"v", 7)
    assert await store.compare_and_set("k", 7, b"w")
    async with store.watch("") as watch:
        assert (await anext(watch)).revision == 8
    await store.close()
