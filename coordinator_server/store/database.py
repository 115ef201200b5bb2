"""The file of SQLite: made, checked, brought up to date and copied, and what stands in its tables."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from coordinator_server.store.interface import AuditLine
from node.program.errors import UserFacingError

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
AUDIT_COLUMNS = "number, time, actor, action, subject, detail, address, outcome"


def open_database(path: Path) -> sqlite3.Connection:
    """Open, check and migrate a database file; raise UserFacingError saying what to do about a bad one."""
    connection = None
    try:
        _make_private(path)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA busy_timeout = 5000")
        _use_wal(connection)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")  # else keys that were sealed anew are in later backups
        check_database(connection)
        _migrate(connection, path)
    except (sqlite3.Error, OSError) as error:
        if connection is not None:
            connection.close()
        raise _unusable(path, error) from error
    except UserFacingError:
        if connection is not None:
            connection.close()
        raise
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """Open a database that is open already once more, only to read; raise UserFacingError where that cannot be."""
    connection = None
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA busy_timeout = 5000")
        connection.execute("PRAGMA query_only = ON")
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        raise _unusable(path, error) from error
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


def _unusable(path: Path, error: Exception) -> UserFacingError:
    return UserFacingError(
        f"The database {path} cannot be used.",
        explain(error),
        "Nothing was changed. Mend that and start again; a database that is damaged comes back with "
        "`rma-mesh-coordinator restore FILE`.",
    )


def explain(error: Exception) -> str:
    """Say for a person what SQLite has against it."""
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
