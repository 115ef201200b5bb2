"""The store of one coordinator: SQLite in WAL mode, every commit synchronised to the disk, one thread for it all.

A commit that was acknowledged survives `kill -9` and a power cut; one that failed, as on a full disk, left nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from coordinator_server.store.interface import (
    ABSENT,
    AuditLine,
    Change,
    Seen,
    Store,
    StoreError,
    Versioned,
    Write,
    check_writes,
    is_key,
)
from node.program.errors import UserFacingError
from node.program.tasks import TaskSet

T = TypeVar("T")
FILE_NAME = "coordinator.db"
KEPT_REMOVALS = 10_000  # deletions that a watch can have missed before it has to read everything again
LEASE = 12.0  # seconds after which leased keys of a process that has died are gone
LOOK = 0.5  # seconds between looks at what other processes have written
PAUSE = 2.0  # seconds before a watch tries again to read a database that fails

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
    """
    ALTER TABLE entries ADD COLUMN lease TEXT;
    CREATE INDEX entries_by_version ON entries (version);
    CREATE INDEX entries_by_lease ON entries (lease) WHERE lease IS NOT NULL;
    CREATE TABLE removed (version INTEGER PRIMARY KEY, key TEXT NOT NULL);
    CREATE TABLE leases (id TEXT PRIMARY KEY, until REAL NOT NULL) WITHOUT ROWID;
    """,
)
# Until when a lease is good stands in a clock that never steps back and begins anew with the machine: what is too
# far ahead was written before it was started again.
GOOD = "until > :now AND until <= :now + :life"
THERE = f"(lease IS NULL OR lease IN (SELECT id FROM leases WHERE {GOOD}))"  # noqa: S608 - constant
WITHIN = "key >= :low AND key < :high"
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

    def __init__(
        self,
        connection: sqlite3.Connection,
        executor: ThreadPoolExecutor,
        now: Callable[[], float] = time.monotonic,
        lease: float = LEASE,
    ) -> None:
        self._connection = connection
        self._executor = executor
        self._now = now
        self._life = lease
        self._lease = secrets.token_hex(16)
        self._leased_until = float("-inf")
        self._tasks = TaskSet("store")
        self._watches: set[Watch] = set()
        self.closed = False

    @property
    def leased_until(self) -> float:
        return self._leased_until

    async def get(self, key: str) -> Versioned | None:
        query = f"SELECT value, version FROM entries WHERE key = :key AND {THERE}"  # noqa: S608 - constant
        rows = await self._run(lambda: self._rows(query, key=key)) if is_key(key) else ()
        return Versioned(*rows[0]) if rows else None

    async def put(self, key: str, value: bytes, *, leased: bool = False) -> None:
        await self.commit([Write(key, value, leased=leased)])

    async def delete(self, key: str) -> bool:
        entry = await self.get(key)
        while entry is not None:
            if await self.commit([Write(key, None, entry.version)]):
                return True
            entry = await self.get(key)
        return False

    async def compare_and_set(self, key: str, expected: int | None, value: bytes, *, leased: bool = False) -> bool:
        return await self.commit([Write(key, value, ABSENT if expected is None else expected, leased)])

    async def list(self, prefix: str) -> Sequence[tuple[str, Versioned]]:
        query = f"SELECT key, value, version FROM entries WHERE {WITHIN} AND {THERE} ORDER BY key"  # noqa: S608 - constant
        rows = await self._run(lambda: self._rows(query, **_within(prefix)))
        return [(key, Versioned(value, version)) for key, value, version in rows]

    async def kept(self) -> Sequence[tuple[str, bytes]]:
        rows = await self._run(
            lambda: self._rows("SELECT key, value FROM entries WHERE lease IS NULL ORDER BY key")
        )
        return [(key, value) for key, value in rows]

    async def commit(self, writes: Sequence[Write], audit: Sequence[AuditLine] = ()) -> bool:
        check_writes(writes)
        if any(write.leased for write in writes):
            await self._begin_lease()
        done = await self._run(lambda: self._commit(writes, audit))
        if writes:
            self._wake()  # also where it was refused: what belongs to the dead may have been cleared away
        return done

    def watch(self, prefix: str) -> Watch:
        return Watch(self, self._watches, prefix)

    async def audit(self, limit: int = 1000, before: int | None = None) -> Sequence[AuditLine]:
        query = f"SELECT {AUDIT_COLUMNS} FROM audit WHERE number < :before ORDER BY number DESC LIMIT :limit"  # noqa: S608 - constant
        rows = await self._run(lambda: self._rows(query, before=before or 2**62, limit=limit))
        return [AuditLine(**dict(zip(AUDIT_COLUMNS.split(", "), row, strict=True))) for row in rows]

    async def bring(self, entries: Sequence[tuple[str, bytes]], audit: Sequence[AuditLine]) -> None:
        check_writes([Write(key, value) for key, value in entries])
        await self._run(lambda: write_all(self._connection, entries, audit))
        self._wake()

    async def backup(self, target: Path) -> None:
        await self._run(lambda: copy_database(self._connection, target))

    async def close(self) -> None:
        if self.closed:
            return
        await self._tasks.stop()
        with contextlib.suppress(StoreError):
            await self._end_lease()
        self.closed = True
        self._wake()
        await asyncio.get_running_loop().run_in_executor(self._executor, self._connection.close)
        self._executor.shutdown()

    async def changes(self, prefix: str, since: int | None) -> Seen:
        """Return what is below a prefix, or what of it has changed since a revision, where that is known."""
        return await self._run(lambda: self._changes(prefix, since))

    async def others(self) -> int:
        """Return a number that changes when another connection writes; what belongs to the dead is cleared away."""
        if await self._run(self._has_dead):
            await self._run(lambda: self._commit((), ()))
            self._wake()
        return int((await self._run(lambda: self._rows("PRAGMA data_version")))[0][0])

    async def _run(self, work: Callable[[], T]) -> T:
        """Do the work in the store's thread; who is cancelled meanwhile does not undo it."""
        if self.closed:
            raise StoreError("The coordinator is stopping.")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        except sqlite3.Error as error:
            raise StoreError(_explain(error)) from error

    def _wake(self) -> None:
        for watch in self._watches:
            watch.woken.set()

    def _rows(self, query: str, **values: object) -> Sequence[Any]:
        return self._connection.execute(query, {"now": self._now(), "life": self._life, **values}).fetchall()

    def _commit(self, writes: Sequence[Write], audit: Sequence[AuditLine]) -> bool:
        with transaction(self._connection):
            self._clear_away()
            if not all(self._is_as_expected(write) for write in writes):
                return False
            for write in writes:
                self._write(write)
            append_lines(self._connection, audit)
        return True

    def _is_as_expected(self, write: Write) -> bool:
        if write.expected is None:
            return True
        rows = self._rows("SELECT version FROM entries WHERE key = :key", key=write.key)
        return bool((rows[0][0] if rows else ABSENT) == write.expected)

    def _write(self, write: Write) -> None:
        if write.value is None:
            self._remove("key = :key", key=write.key)
            return
        write_entry(self._connection, write.key, write.value, self._lease if write.leased else None)

    def _remove(self, where: str, **values: object) -> None:
        """Remove entries, each with a revision of its own, and note that for those who watch."""
        for (key,) in self._rows(f"SELECT key FROM entries WHERE {where}", **values):  # noqa: S608 - constant
            self._connection.execute("DELETE FROM entries WHERE key = ?", (key,))
            self._connection.execute("UPDATE revision SET last = last + 1")
            self._connection.execute("INSERT INTO removed VALUES ((SELECT last FROM revision), ?)", (key,))
            self._connection.execute(
                "DELETE FROM removed WHERE version <= (SELECT last FROM revision) - ?", (KEPT_REMOVALS,)
            )

    def _changes(self, prefix: str, since: int | None) -> Seen:
        with transaction(self._connection, "BEGIN"):
            last = int(self._rows("SELECT last FROM revision")[0][0])
            whole = since is None or not last - KEPT_REMOVALS <= since <= last
            rows = self._rows(_ALL if whole else _NEWER, since=since, **_within(prefix))
        found = [Change(key, None if value is None else Versioned(value, version)) for key, value, version in rows]
        return Seen(last, found, whole)

    # --- leases -----------------------------------------------------------------------------------------------

    async def _begin_lease(self) -> None:
        if self._leased_until <= self._now():
            await self._keep_lease()
        if not len(self._tasks):
            self._tasks.every(self._life / 4, self._keep_lease, "lease")

    async def _keep_lease(self) -> None:
        """Say that we live; after a pause in which we counted as dead, that is a new life."""
        now = self._now()
        await self._run(self._renew)
        self._leased_until = now + self._life
        self._wake()  # what belongs to the dead may have been cleared away

    def _renew(self) -> None:
        with transaction(self._connection) as connection:
            if self._clear_away():
                self._lease = secrets.token_hex(16)
            connection.execute(
                "INSERT OR REPLACE INTO leases VALUES (?, ?)", (self._lease, self._now() + self._life)
            )

    def _has_dead(self) -> bool:
        return bool(self._rows(f"SELECT 1 FROM leases WHERE NOT ({GOOD})"))  # noqa: S608 - constant

    def _clear_away(self) -> bool:
        """Remove what belongs to the dead; return whether we were one of them."""
        dead = [row[0] for row in self._rows(f"SELECT id FROM leases WHERE NOT ({GOOD})")]  # noqa: S608 - constant
        for lease in dead:
            self._remove("lease = :lease", lease=lease)
            self._connection.execute("DELETE FROM leases WHERE id = ?", (lease,))
        return self._lease in dead

    async def _end_lease(self) -> None:
        if self._leased_until == float("-inf"):
            return

        def end() -> None:
            with transaction(self._connection) as connection:
                self._remove("lease = :lease", lease=self._lease)
                connection.execute("DELETE FROM leases WHERE id = ?", (self._lease,))

        await self._run(end)


_ALL = f"SELECT key, value, version FROM entries WHERE {WITHIN} AND {THERE} ORDER BY key"  # noqa: S608 - constant
_NEWER = (
    f"SELECT key, value, version FROM entries WHERE version > :since AND {WITHIN} AND {THERE} "  # noqa: S608 - constant
    f"UNION ALL SELECT key, NULL, version FROM removed WHERE version > :since AND {WITHIN} ORDER BY version"
)


class Watch:
    """Follows what is below a prefix: our own writes at once, other processes' within LOOK seconds."""

    def __init__(self, store: SqliteStore, among: set[Watch], prefix: str) -> None:
        self.woken = asyncio.Event()
        self._store = store
        self._among = among
        self._prefix = prefix
        self._revision: int | None = None
        self._written = -1  # by others, as SQLite counts it

    async def __aenter__(self) -> Watch:
        self._among.add(self)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._among.discard(self)

    def __aiter__(self) -> Watch:
        return self

    async def __anext__(self) -> Seen:
        while not self._store.closed:
            try:
                seen = await self._look()
            except StoreError:
                await self._wait(PAUSE)
                self.woken.set()  # whatever woke us was not looked at
                continue
            if seen is not None:
                self._revision = seen.revision
                if seen.whole or seen.changes:
                    return seen
            await self._wait(LOOK)
        raise StopAsyncIteration

    async def _look(self) -> Seen | None:
        written = await self._store.others()
        woken = self.woken.is_set()
        self.woken.clear()
        if not woken and written == self._written:
            return None
        seen = await self._store.changes(self._prefix, self._revision)
        self._written = written  # what was written between the two is seen twice at most
        return seen

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.woken.wait()


def _within(prefix: str) -> dict[str, str]:
    return {"low": prefix, "high": prefix + "\U0010ffff"}


def open_database(path: Path) -> sqlite3.Connection:
    """Open, check and migrate a database file; raise UserFacingError saying what to do about a bad one."""
    connection = None
    try:
        _make_private(path)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA busy_timeout = 5000")
        _use_wal(connection)
        connection.execute("PRAGMA synchronous = FULL")
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


def _use_wal(connection: sqlite3.Connection, tries: int = 100) -> None:
    """Have the log written ahead; for that SQLite does not wait by itself until others are done with the same."""
    try:
        connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError as error:
        if "locked" not in str(error) or not tries:
            raise
        time.sleep(0.05)
        _use_wal(connection, tries - 1)


def check_database(connection: sqlite3.Connection) -> None:
    """Raise sqlite3.DatabaseError when the file is damaged."""
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise sqlite3.DatabaseError(f"database disk image is malformed: {found}")


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection, begin: str = "BEGIN IMMEDIATE") -> Iterator[sqlite3.Connection]:
    """All or nothing: commit at the end, roll back on any exception."""
    connection.execute(begin)
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


def write_database(target: Path, entries: Sequence[tuple[str, bytes]], audit: Sequence[AuditLine]) -> None:
    """Make a database of these in one private file."""
    made = target.with_name(target.name + ".made")
    connection = open_database(made)
    try:
        write_all(connection, entries, audit)
        copy_database(connection, target)
    finally:
        connection.close()
        for left in (made, *(made.with_name(made.name + end) for end in ("-wal", "-shm"))):
            left.unlink(missing_ok=True)


def write_all(
    connection: sqlite3.Connection, entries: Sequence[tuple[str, bytes]], audit: Sequence[AuditLine]
) -> None:
    """Write entries as new ones, and audit lines with the numbers that they have, but for those that are there."""
    with transaction(connection):
        for key, value in entries:
            write_entry(connection, key, value, None)
        append_lines(connection, audit, numbered=True)


def write_entry(connection: sqlite3.Connection, key: str, value: bytes, lease: str | None) -> None:
    connection.execute("UPDATE revision SET last = last + 1")
    connection.execute(
        "INSERT OR REPLACE INTO entries VALUES (?, ?, (SELECT last FROM revision), ?)", (key, value, lease)
    )


def append_lines(connection: sqlite3.Connection, audit: Sequence[AuditLine], *, numbered: bool = False) -> None:
    connection.executemany(
        f"INSERT OR IGNORE INTO audit ({AUDIT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constant
        [
            (
                line.number if numbered else None,
                *(line.time, line.actor, line.action, line.subject, line.detail, line.address, line.outcome),
            )
            for line in audit
        ],
    )


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
            if connection.execute("PRAGMA user_version").fetchone()[0] > step:  # another coordinator was quicker
                continue
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
