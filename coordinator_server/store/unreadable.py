"""Reads rows of the store of which a bad one stops nobody: it is remembered, told once, and left as it is."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from coordinator_server.store.interface import Versioned
from node.wire.messages import UNREADABLE

log = logging.getLogger(__name__)
T = TypeVar("T")


class Unreadable:
    """What nobody can read of the rows below a prefix; `rows` says of each why."""

    def __init__(self) -> None:
        self.rows: dict[str, str] = {}

    def read(self, key: str, value: bytes, form: type[T]) -> T | None:
        """Return what a row says, None where nobody can read it."""
        try:
            found = msgspec.json.decode(value, type=form)
        except UNREADABLE as error:
            if key not in self.rows:
                log.error("the row %r of the store cannot be read, and is left as it is: %s", key, error)
            self.rows[key] = str(error)
            return None
        self.rows.pop(key, None)
        return found

    def read_all(self, entries: Iterable[tuple[str, Versioned]], form: type[T]) -> list[T]:
        """Return what can be read of all rows that there are."""
        every = dict(entries)
        self.keep_only(every)
        found = (self.read(key, entry.value, form) for key, entry in every.items())
        return [one for one in found if one is not None]

    def keep_only(self, keys: Iterable[str]) -> None:
        """Forget of rows that are there no more."""
        self.rows = {key: self.rows[key] for key in keys if key in self.rows}
