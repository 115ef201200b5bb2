"""The store of one coordinator: SQLite in WAL mode, every commit synchronised to the disk, one thread for it all.

A commit that was acknowledged survives `kill -9` and a power cut; one that failed, as on a full disk, left nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from coordinator_server.store.interface import ABSENT, AuditLine, Store, StoreError, Versioned, Write
from node.program.errors import UserFacingError

T = TypeVar("T")
FILE_NAME = "coordinator.db"

# Each step brings the database from the version of its index to the next; a step that was released never changes.
MIGRATIONS: Sequence[str] = (
    """
    CREATE TABLE entries (key TEXT PRIMARY KEY, value BLOB NOT NULL, version INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE revision (only INTEGER PRIMARY KEY CHECK (only = 1), last INTEGER NOT NULL);
    INSERT INTO revision VALUES (1, 0);
    CREATE TABLE audit (
        number INTEGER PRIMARY KEY AUTOINCREMENT, time REAL NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
        subject TEXT NOT NULL, detail TEXT NOT NULL, address TEXT NOT NULL, outcome TEXT NOT NULL
    );
    CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;
    CREATE TRIGGER audit_is_true BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;
    """,
)
AUDIT_COLUMNS = "number, time, actor, action, subject, detail, address, outcome"


async def open_sqlite(path: Path) -> SqliteStore:
    """Open or make the database; raise UserFacingError where that cannot be."""
    executor = ThreadPoolExecutor(1, "store")
    try:
        connection = await asyncio.get_running_loop().run_in_executor(executor, open_database, path)
    except BaseException:
        executor.shutdown()
        raise
    return SqliteStore(connection, executor)


class SqliteStore(Store):
    """A store on one connection, which only the store's own thread touches."""

    def __init__(self, connection: sqlite3.Connection, executor: ThreadPoolExecutor) -> None:
        self._connection = connection
        self._executor = executor
        self._closed = False

    async def get(self, key: str) -> Versioned | None:
        rows = await self._run(lambda: self._rows("SELECT value, version FROM entries WHERE key = ?", key))
        return Versioned(*rows[0]) if rows else None

    async def put(self, key: str, value: bytes) -> None:
        await self.commit([Write(key, value)])

    async def delete(self, key: str) -> bool:
        entry = await self.get(key)
        while entry is not None:
            if await self.commit([Write(key, None, entry.version)]):
                return True
            entry = await self.get(key)
        return False

    async def compare_and_set(self, key: str, expected: int | None, value: bytes) -> bool:
        return await self.commit([Write(key, value, ABSENT if expected is None else expected)])

    async def list(self, prefix: str) -> Sequence[tuple[str, Versioned]]:
        query = "SELECT key, value, version FROM entries WHERE key >= ? AND key < ? ORDER BY key"
        rows = await self._run(lambda: self._rows(query, prefix, prefix + "\U0010ffff"))
        return [(key, Versioned(value, version)) for key, value, version in rows]

    async def commit(self, writes: Sequence[Write], audit: Sequence[AuditLine] = ()) -> bool:
        return await self._run(lambda: self._commit(writes, audit))

    async def audit(self, limit: int = 1000, before: int | None = None) -> Sequence[AuditLine]:
        query = f"SELECT {AUDIT_COLUMNS} FROM audit WHERE number < ? ORDER BY number DESC LIMIT ?"  # noqa: S608 - constant
        rows = await self._run(lambda: self._rows(query, before or 2**62, limit))
        return [AuditLine(**dict(zip(AUDIT_COLUMNS.split(", "), row, strict=True))) for row in rows]

    async def backup(self, target: Path) -> None:
        await self._run(lambda: copy_database(self._connection, target))

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(self._executor, self._connection.close)
        self._executor.shutdown()

    async def _run(self, work: Callable[[], T]) -> T:
        """Do the work in the store's thread; who is cancelled meanwhile does not undo it."""
        if self._closed:
            raise StoreError("The coordinator is stopping.")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        except sqlite3.Error as error:
            raise StoreError(_explain(error)) from error

    def _rows(self, query: str, *values: object) -> Sequence[Any]:
        return self._connection.execute(query, values).fetchall()

    def _commit(self, writes: Sequence[Write], audit: Sequence[AuditLine]) -> bool:
        with transaction(self._connection) as connection:
            if not all(self._is_as_expected(write) for write in writes):
                return False
            for write in writes:
                self._write(write)
            connection.executemany(
                f"INSERT INTO audit ({AUDIT_COLUMNS}) VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constant
                [
                    (line.time, line.actor, line.action, line.subject, line.detail, line.address, line.outcome)
                    for line in audit
                ],
            )
        return True

    def _is_as_expected(self, write: Write) -> bool:
        if write.expected is None:
            return True
        rows = self._connection.execute("SELECT version FROM entries WHERE key = ?", (write.key,)).fetchall()
        return bool((rows[0][0] if rows else ABSENT) == write.expected)

    def _write(self, write: Write) -> None:
        if write.value is None:
            self._connection.execute("DELETE FROM entries WHERE key = ?", (write.key,))
            return
        self._connection.execute("UPDATE revision SET last = last + 1")
        self._connection.execute(
            "INSERT OR REPLACE INTO entries VALUES (?, ?, (SELECT last FROM revision))", (write.key, write.value)
        )


def open_database(path: Path) -> sqlite3.Connection:
    """Open, check and migrate a database file; raise UserFacingError saying what to do about a bad one."""
    connection = None
    try:
        _make_private(path)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA busy_timeout = 5000")
        check_database(connection)
        _migrate(connection, path)
    except (sqlite3.Error, OSError) as error:
        if connection is not None:
            connection.close()
        raise UserFacingError(
            f"The database {path} cannot be used.",
            _explain(error),
            "Nothing was changed. Mend that, or bring back a copy with `rma-mesh-coordinator restore FILE`.",
        ) from error
    except UserFacingError:
        if connection is not None:
            connection.close()
        raise
    return connection


def check_database(connection: sqlite3.Connection) -> None:
    """Raise sqlite3.DatabaseError when the file is damaged."""
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise sqlite3.DatabaseError(f"database disk image is malformed: {found}")


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All or nothing: commit at the end, roll back on any exception."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite itself has rolled back after some errors
            connection.execute("ROLLBACK")
        raise


def copy_database(connection: sqlite3.Connection, target: Path) -> None:
    """Copy the database as it is now into a new private file; it is complete when this returns."""
    _make_private(target)
    copy = sqlite3.connect(target)
    try:
        connection.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, without -wal and -shm beside it
    finally:
        copy.close()


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise UserFacingError(
            f"The database {path} was written by a newer version of RMA Mesh.",
            f"It has format {version}; this version knows formats up to {len(MIGRATIONS)}.",
            "Start the newer version again, or use another --data-dir.",
        )
    for step in range(version, len(MIGRATIONS)):
        with transaction(connection):
            for statement in _statements(MIGRATIONS[step]):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {step + 1}")


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _make_private(path: Path) -> None:
    """Make the file before SQLite does, so that nobody else can read it for a moment."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _explain(error: Exception) -> str:
    text = str(error)
    if "disk is full" in text:
        return "The disk is full, so nothing was saved. Make room on the coordinator's disk."
    if "malformed" in text or "not a database" in text:
        return "The file is damaged or not a database of a coordinator."
    if "readonly" in text or "unable to open" in text or isinstance(error, PermissionError):
        return "The coordinator may not write there. Check who owns the data directory and its files."
    if "locked" in text:
        return "Another program keeps the database locked."
    return f"The database says: {text}."
