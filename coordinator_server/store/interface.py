"""What any store can do: versioned values under keys, compare-and-set over several keys, an append-only audit.

A version is a number that never comes twice for a key, also not after the key was deleted and made again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol

import msgspec

from node.wire.problems import Problem

ABSENT: Final = 0  # the version of a key that is not there


class StoreError(Problem):
    """The store could not do what was asked; nothing of it was written."""

    def __init__(self, detail: str) -> None:
        super().__init__("store-unavailable", detail)


@dataclass(frozen=True, slots=True)
class Versioned:
    """A value and the version at which it was written."""

    value: bytes
    version: int


@dataclass(frozen=True, slots=True)
class Write:
    """One change of a commit: `value` None deletes; `expected` is a version, ABSENT, or None for any."""

    key: str
    value: bytes | None
    expected: int | None = None


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
    """Every method returns when its effect is durable, or raises StoreError and has had none."""

    async def get(self, key: str) -> Versioned | None: ...

    async def put(self, key: str, value: bytes) -> None: ...

    async def delete(self, key: str) -> bool:
        """Return False when there was none."""
        ...

    async def compare_and_set(self, key: str, expected: int | None, value: bytes) -> bool:
        """Write if the key's version is `expected` (None or ABSENT: if there is no such key)."""
        ...

    async def list(self, prefix: str) -> Sequence[tuple[str, Versioned]]:
        """Return the keys that begin with `prefix`, in order."""
        ...

    async def commit(self, writes: Sequence[Write], audit: Sequence[AuditLine] = ()) -> bool:
        """Do all writes and append the audit lines, or nothing when a key is not at its expected version."""
        ...

    async def audit(self, limit: int = 1000, before: int | None = None) -> Sequence[AuditLine]:
        """Return the newest lines, newest first; `before` is the number to go on from."""
        ...

    async def backup(self, target: Path) -> None:
        """Write a consistent copy into one private file while everything goes on."""
        ...

    async def close(self) -> None: ...
