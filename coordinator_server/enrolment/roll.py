"""Who was let in, as it is in memory: found by id, however that is capitalised, and by key. Pure."""

from __future__ import annotations

from collections.abc import Iterator, KeysView
from typing import Generic, Protocol, TypeVar


class Listed(Protocol):
    """What a roll has to know of a machine."""

    @property
    def worker_id(self) -> str: ...

    @property
    def identity_public_key(self) -> str: ...

    @property
    def revoked(self) -> bool: ...


T = TypeVar("T", bound=Listed)


class Roll(Generic[T]):
    """One entry for each id; a key leads to the machine that has it and was not put out."""

    def __init__(self) -> None:
        self._by_id: dict[str, T] = {}  # in lower case
        self._by_identity: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[T]:
        return iter(list(self._by_id.values()))

    def ids(self) -> KeysView[str]:
        """Return all ids, in lower case."""
        return self._by_id.keys()

    def get(self, worker_id: str) -> T | None:
        """Return who has this id, in whatever case."""
        return self._by_id.get(worker_id.lower())

    def by_identity(self, identity_public_key: str) -> T | None:
        lowered = self._by_identity.get(identity_public_key)
        return self._by_id.get(lowered) if lowered is not None else None

    def keep(self, one: T) -> None:
        """Add a machine, or what is newer of it."""
        lowered = one.worker_id.lower()
        before = self._by_id.get(lowered)
        if before is not None:
            self._lose_key(before)  # its id may be given to another machine, long after it has left
        self._by_id[lowered] = one
        if not one.revoked:
            self._by_identity[one.identity_public_key] = lowered

    def drop(self, one: T) -> None:
        self._by_id.pop(one.worker_id.lower(), None)
        self._lose_key(one)

    def _lose_key(self, one: T) -> None:
        if self._by_identity.get(one.identity_public_key) == one.worker_id.lower():
            del self._by_identity[one.identity_public_key]
