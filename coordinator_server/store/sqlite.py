"""The store of one coordinator: SQLite in WAL mode, every commit synchronised to the disk, in a thread of its own.

A commit that was acknowledged survives `kill -9` and a power cut; one that failed, as on a full disk, left nothing.
What is read has another thread: nobody waits to read while a commit waits for the disk, or for another coordinator
that was halted in the middle of one.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from coordinator_server.store.database import (
    AUDIT_COLUMNS,
    append_lines,
    copy_database,
    explain,
    open_database,
    open_reader,
    transaction,
    write_all,
    write_entry,
)
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
from node.program.tasks import TaskSet

T = TypeVar("T")
FILE_NAME = "coordinator.db"
KEPT_REMOVALS = 10_000  # deletions that a watch can have missed before it has to read everything again
LEASE = 12.0  # seconds after which leased keys of a process that has died are gone
LOOK = 0.5  # seconds between looks at what other processes have written
PAUSE = 2.0  # seconds before a watch tries again to read a database that fails

# Until when a lease is good stands in a clock that never steps back and begins anew with the machine: what is too
# far ahead was written before it was started again.
GOOD = "until > :now AND until <= :now + :life"
THERE = f"(lease IS NULL OR lease IN (SELECT id FROM leases WHERE {GOOD}))"  # noqa: S608 - constant
WITHIN = "key >= :low AND key < :high"


async def open_sqlite(path: Path) -> SqliteStore:
    """Open or make the database; raise UserFacingError where that cannot be."""
    executor = ThreadPoolExecutor(1, "store")
    try:
        connection, reader = await asyncio.get_running_loop().run_in_executor(executor, _open_both, path)
    except BaseException:
        executor.shutdown()
        raise
    return SqliteStore(connection, executor, reader=reader)


def _open_both(path: Path) -> tuple[sqlite3.Connection, sqlite3.Connection]:
    connection = open_database(path)
    try:
        return connection, open_reader(path)
    except BaseException:
        connection.close()
        raise


class SqliteStore(Store):
    """A store on a connection that writes and one that reads, each of which only a thread of its own touches."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        executor: ThreadPoolExecutor,
        now: Callable[[], float] = time.monotonic,
        lease: float = LEASE,
        reader: sqlite3.Connection | None = None,
    ) -> None:
        self._connection = connection
        self._executor = executor
        self._reader = reader or connection
        self._reading = ThreadPoolExecutor(1, "store-reads") if reader is not None else executor
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

    @property
    def in_doubt(self) -> bool:
        return False

    async def get(self, key: str) -> Versioned | None:
        query = f"SELECT value, version FROM entries WHERE key = :key AND {THERE}"  # noqa: S608 - constant
        rows = await self._read(query, key=key) if is_key(key) else ()
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
        rows = await self._read(query, **_within(prefix))
        return [(key, Versioned(value, version)) for key, value, version in rows]

    async def kept(self) -> Sequence[tuple[str, bytes]]:
        rows = await self._read("SELECT key, value FROM entries WHERE lease IS NULL ORDER BY key")
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
        rows = await self._read(query, before=before or 2**62, limit=limit)
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
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._reading, self._reader.close)
        await loop.run_in_executor(self._executor, self._connection.close)
        self._reading.shutdown()
        self._executor.shutdown()

    async def changes(self, prefix: str, since: int | None) -> Seen:
        """Return what is below a prefix, or what of it has changed since a revision, where that is known."""
        return await self._run(lambda: self._changes(prefix, since), self._reading)

    async def others(self) -> int:
        """Return a number that changes when another connection writes; what belongs to the dead is cleared away."""
        if await self._read(f"SELECT 1 FROM leases WHERE NOT ({GOOD})"):  # noqa: S608 - constant
            await self._run(lambda: self._commit((), ()))
            self._wake()
        return int((await self._read("PRAGMA data_version"))[0][0])

    async def _read(self, query: str, **values: object) -> Sequence[Any]:
        return await self._run(lambda: self._rows(query, self._reader, **values), self._reading)

    async def _run(self, work: Callable[[], T], executor: ThreadPoolExecutor | None = None) -> T:
        """Do the work in the store's thread, or another one; who is cancelled meanwhile does not undo it."""
        if self.closed:
            raise StoreError("The coordinator is stopping.")
        try:
            return await asyncio.get_running_loop().run_in_executor(executor or self._executor, work)
        except sqlite3.Error as error:
            raise StoreError(explain(error)) from error

    def _wake(self) -> None:
        for watch in self._watches:
            watch.woken.set()

    def _rows(self, query: str, on: sqlite3.Connection | None = None, /, **values: object) -> Sequence[Any]:
        given = {"now": self._now(), "life": self._life, **values}
        return (on or self._connection).execute(query, given).fetchall()

    def _commit(self, writes: Sequence[Write], audit: Sequence[AuditLine]) -> bool:
        with transaction(self._connection):
            self._clear_away()
            if any(write.leased for write in writes):
                self._live()  # we may have been halted since our lease was looked at, and counted as dead by now
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
        with transaction(self._reader, "BEGIN"):
            last = int(self._rows("SELECT last FROM revision", self._reader)[0][0])
            whole = since is None or not last - KEPT_REMOVALS <= since <= last
            rows = self._rows(_ALL if whole else _NEWER, self._reader, since=since, **_within(prefix))
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
        with transaction(self._connection):
            if self._clear_away():
                self._lease = secrets.token_hex(16)
            self._live()

    def _live(self) -> None:
        until = self._now() + self._life
        self._connection.execute("INSERT OR REPLACE INTO leases VALUES (?, ?)", (self._lease, until))

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
