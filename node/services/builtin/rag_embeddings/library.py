"""The library on disk: documents by collection and id, in SQLite with a write-ahead log.

What was answered as stored is on the disk: each write is one transaction that is synced before it returns.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

MAX_DOCUMENTS = 100_000
MAX_CHARACTERS = 100_000_000  # of all documents together

SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    collection TEXT NOT NULL,
    id TEXT NOT NULL,
    text TEXT NOT NULL,
    metadata BLOB NOT NULL,
    characters INTEGER NOT NULL,
    PRIMARY KEY (collection, id)
) WITHOUT ROWID
"""


class LibraryFull(Exception):  # noqa: N818 - a state, said to the caller
    """The library takes no more; the text says how much it may hold."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One document of a collection."""

    id: str
    text: str
    metadata: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CollectionStats:
    """How much a collection holds."""

    name: str
    documents: int
    characters: int


class Library:
    """All collections of one service. Its methods block and may be called from any thread."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute(SCHEMA)
        self._versions: dict[str, int] = {}

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def version(self, collection: str) -> int:
        """Return a number that rises with every change of a collection."""
        return self._versions.get(collection, 0)

    def put(self, collection: str, entries: Sequence[Entry]) -> int:
        """Store all documents or none; those with a known id replace it. Return how many were replaced."""
        with self._lock, self._transaction() as connection:
            before = self._count(connection, collection)
            connection.executemany(
                "INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?, ?)",
                ((collection, one.id, one.text, _pack(one.metadata), len(one.text)) for one in entries),
            )
            self._check_room(connection)
            added = self._count(connection, collection) - before
            self._versions[collection] = self.version(collection) + 1
        return len({entry.id for entry in entries}) - added

    def delete(self, collection: str, document_id: str) -> bool:
        """Return whether there was such a document."""
        with self._lock, self._transaction() as connection:
            query = "DELETE FROM documents WHERE collection = ? AND id = ?"
            deleted = connection.execute(query, (collection, document_id)).rowcount > 0
            if deleted:
                self._versions[collection] = self.version(collection) + 1
        return deleted

    def get(self, collection: str, document_ids: Iterable[str]) -> list[Entry]:
        """Return those that exist, in the order asked for."""
        query = "SELECT id, text, metadata FROM documents WHERE collection = ? AND id = ?"
        with self._lock:
            rows = (self._connection.execute(query, (collection, one)).fetchone() for one in document_ids)
            return [Entry(row[0], row[1], msgspec.msgpack.decode(row[2])) for row in rows if row is not None]

    def texts(self, collection: str) -> tuple[int, list[tuple[str, str]]]:
        """Return the version of a collection and the ids and texts in it."""
        with self._lock:
            query = "SELECT id, text FROM documents WHERE collection = ? ORDER BY id"
            return self.version(collection), self._connection.execute(query, (collection,)).fetchall()

    def stats(self) -> list[CollectionStats]:
        with self._lock:
            query = "SELECT collection, COUNT(*), SUM(characters) FROM documents GROUP BY collection ORDER BY 1"
            return [CollectionStats(*row) for row in self._connection.execute(query)]

    def _transaction(self) -> _Transaction:
        return _Transaction(self._connection)

    @staticmethod
    def _count(connection: sqlite3.Connection, collection: str) -> int:
        query = "SELECT COUNT(*) FROM documents WHERE collection = ?"
        count: int = connection.execute(query, (collection,)).fetchone()[0]
        return count

    @staticmethod
    def _check_room(connection: sqlite3.Connection) -> None:
        query = "SELECT COUNT(*), COALESCE(SUM(characters), 0) FROM documents"
        documents, characters = connection.execute(query).fetchone()
        if documents > MAX_DOCUMENTS or characters > MAX_CHARACTERS:
            raise LibraryFull(
                f"The library holds {MAX_DOCUMENTS} documents and {MAX_CHARACTERS} characters at most. "
                "Nothing of this request was stored. Delete documents that are no longer needed."
            )


class _Transaction:
    """BEGIN and COMMIT, or ROLLBACK when the body raises."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> sqlite3.Connection:
        self._connection.execute("BEGIN IMMEDIATE")
        return self._connection

    def __exit__(self, kind: object, *_: object) -> None:
        self._connection.execute("COMMIT" if kind is None else "ROLLBACK")


def _pack(metadata: dict[str, Any]) -> bytes:
    return msgspec.msgpack.encode(metadata)
