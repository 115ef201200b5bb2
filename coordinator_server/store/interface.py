"""What any store can do: versioned values under keys, compare-and-set of several, watches, an append-only audit.

A version is a number that never comes twice for a key, also not after the key was deleted and made again. A leased
key is its writer's: it is gone within some seconds of his death, and at once when he closes the store.
"""

from __future__ import annotations

import unicodedata
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol

import msgspec

from node.wire.problems import Problem

ABSENT: Final = 0  # the version of a key that is not there
MOST_TOGETHER: Final = 100  # records that a commit writes together whatever the engine, its audit lines among them
LONGEST_KEY: Final = 512  # bytes in UTF-8
LARGEST_VALUE: Final = 1_000_000  # bytes of a value that every engine takes; some take larger ones


class StoreError(Problem):
    """The store could not do what was asked; nothing of it was written, unless `unclear`: then nobody knows."""

    def __init__(self, detail: str, *, unclear: bool = False) -> None:
        super().__init__("store-unavailable", detail)
        self.unclear = unclear


@dataclass(frozen=True, slots=True)
class Versioned:
    """A value and the version at which it was written."""

    value: bytes
    version: int


@dataclass(frozen=True, slots=True)
class Write:
    """One change of a commit: `value` None deletes; `expected` is a version, ABSENT, or None for any.

    A `leased` value vanishes with who wrote it.
    """

    key: str
    value: bytes | None
    expected: int | None = None
    leased: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """What a watch has seen of one key; None: it was deleted."""

    key: str
    entry: Versioned | None


@dataclass(frozen=True, slots=True)
class Seen:
    """What a watch tells: with `whole` all that there is, which forgets everything before, else what is new.

    The revision rises with every change of the store.
    """

    revision: int
    changes: Sequence[Change]
    whole: bool


class AuditLine(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what to whom, when (Unix seconds) and from which address; `number` is given by the store."""

    time: float
    actor: str  # "admin", "worker:<id>" or "anonymous"
    action: str  # "enrolled", "enrolment-refused", "invite-created", ...
    subject: str = ""
    detail: str = ""
    address: str = ""
    outcome: Literal["done", "refused"] = "done"
    number: int = 0


class Store(Protocol):
    """Every method returns when its effect is durable, or raises StoreError and has had none (but see there).

    Where the store has lost the majority of its machines, what is read may be of a moment ago, and nothing can be
    written. So a decision counts by the versions that its commit expects.
    """

    @property
    def leased_until(self) -> float:
        """Until when (time.monotonic) our leased keys stand for certain; in the past where there are none."""
        ...

    @property
    def in_doubt(self) -> bool:
        """True while what is read may be old: who does not find something then cannot say that it is not there."""
        ...

    async def get(self, key: str) -> Versioned | None: ...

    async def put(self, key: str, value: bytes, *, leased: bool = False) -> None: ...

    async def delete(self, key: str) -> bool:
        """Return False when there was none."""
        ...

    async def compare_and_set(self, key: str, expected: int | None, value: bytes, *, leased: bool = False) -> bool:
        """Write if the key's version is `expected` (None or ABSENT: if there is no such key)."""
        ...

    async def list(self, prefix: str) -> Sequence[tuple[str, Versioned]]:
        """Return the keys that begin with `prefix`, in order."""
        ...

    async def commit(self, writes: Sequence[Write], audit: Sequence[AuditLine] = ()) -> bool:
        """Do all writes and append the audit lines, or nothing when a key is not at its expected version.

        Each key is written once at most. More than MOST_TOGETHER records are several transactions in some engines:
        all conditions are looked at before the first, each transaction is all or nothing, the audit lines go with
        the last, and a StoreError says where only a part was written.
        """
        ...

    def watch(self, prefix: str) -> AbstractAsyncContextManager[AsyncIterator[Seen]]:
        """Follow the keys that begin with `prefix`: at first all, then what changes, until the store closes.

        Where changes were missed, all of them come again. A failing store is waited for, not told of.
        """
        ...

    async def audit(self, limit: int = 1000, before: int | None = None) -> Sequence[AuditLine]:
        """Return the newest lines, newest first; `before` is the number to go on from."""
        ...

    async def kept(self) -> Sequence[tuple[str, bytes]]:
        """Return all entries but the leased ones, as they were at one moment, in the order of their keys."""
        ...

    async def bring(self, entries: Sequence[tuple[str, bytes]], audit: Sequence[AuditLine]) -> None:
        """Write entries and audit lines, these with the numbers that they have, into a store that nobody uses yet.

        Doing it again changes nothing. Lines come in the order of their numbers.
        """
        ...

    async def backup(self, target: Path) -> None:
        """Write a consistent copy into one private file, a database of SQLite, while everything goes on."""
        ...

    async def close(self) -> None: ...


def check_sure(store: Store) -> None:
    """Raise StoreError where what was not found may be there all the same."""
    if store.in_doubt:
        raise StoreError(
            "Most members of the store do not answer, and what was asked for is not known here. It may be there all"
            " the same. Please try again when they are back."
        )


def is_key(text: str) -> bool:
    """Say whether a text can be a key: no control characters, no halves of characters, not too long."""
    if not text or any(unicodedata.category(letter) in ("Cc", "Cs") or letter >= "\U0010ffff" for letter in text):
        return False
    return len(text.encode()) <= LONGEST_KEY


def check_writes(writes: Sequence[Write]) -> None:
    """Raise ValueError for what no store takes."""
    if len({write.key for write in writes}) < len(writes):
        raise ValueError("a commit writes a key twice")
    for write in writes:
        if not is_key(write.key):
            raise ValueError(f"{write.key[:80]!r} cannot be a key")
