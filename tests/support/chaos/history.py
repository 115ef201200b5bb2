"""What clients did and what they were told, as Jepsen keeps it: each operation with its begin, end and outcome.

`ok` was acknowledged and must hold from then on, `fail` says that nothing was done, which must be true as well, and
`unknown` may have been done, or may yet be: nobody was told.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

Outcome = Literal["ok", "fail", "unknown"]


@dataclass(frozen=True, slots=True)
class Op:
    """One thing that a client asked of one coordinator; times are seconds of one clock that never steps back."""

    what: str
    at: str
    begun: float
    ended: float
    outcome: Outcome
    value: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Window:
    """A time in which something was broken; `victims` are the coordinators of which nothing can be expected.

    In one that is `stale` the store had no majority, so that what is read may be old; those that are `blind` could
    not reach it at all.
    """

    what: str
    begun: float
    ended: float
    victims: frozenset[str] = frozenset()
    stale: bool = False
    blind: frozenset[str] = frozenset()

    def touches(self, begun: float, ended: float) -> bool:
        return begun <= self.ended and ended >= self.begun


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the audit log."""

    number: int
    action: str
    subject: str
    detail: str


@dataclass(frozen=True, slots=True)
class Event:
    """A change of a key of the store, and the revision at which it was made; None: it was deleted."""

    revision: int
    key: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Worker:
    """An enrolled machine as the operator sees it."""

    worker_id: str
    name: str
    address: str
    status: str
    trust: str


@dataclass(frozen=True, slots=True)
class Final:
    """All that one coordinator shows when everything is mended and quiet."""

    at: str
    workers: tuple[Worker, ...] = ()
    keys: frozenset[str] = frozenset()
    invites: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # uses that there are, and that were made
    audit: tuple[Line, ...] = ()  # the oldest first


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must never happen, and did."""

    kind: str
    text: str


class History:
    """All operations of a run, in the order in which they ended."""

    def __init__(self, ops: Iterable[Op] = ()) -> None:
        self.ops = list(ops)
        self.windows: list[Window] = []

    def __iter__(self) -> Iterator[Op]:
        return iter(self.ops)

    def __len__(self) -> int:
        return len(self.ops)

    def of(self, what: str, *outcomes: Outcome) -> list[Op]:
        return [op for op in self.ops if op.what == what and (not outcomes or op.outcome in outcomes)]

    def may_be_stale(self, op: Op, memory: float = 0.0) -> bool:
        """Tell whether it read while the store had no majority, or nobody was there, or so many seconds after."""
        windows = (one for one in self.windows if one.stale or op.at in one.blind)
        return any(window.touches(op.begun - memory, op.ended) for window in windows)

    def is_hit(self, op: Op, memory: float = 0.0) -> bool:
        """Tell whether nothing could be expected of who was asked, then or so many seconds before."""
        windows = (one for one in self.windows if op.at in one.victims)
        return any(window.touches(op.begun - memory, op.ended) for window in windows)

    def first(self, what: str, field: str, *outcomes: Outcome) -> Mapping[str, Op]:
        """Return the operation that ended first for each value of a field."""
        found: dict[str, Op] = {}
        for op in sorted(self.of(what, *outcomes), key=lambda op: op.ended):
            found.setdefault(op.value[field], op)
        return found

    def counts(self) -> dict[str, dict[str, int]]:
        """Return how many of each kind came to which end."""
        found: dict[str, dict[str, int]] = {}
        for op in self.ops:
            kind = found.setdefault(op.what, {"ok": 0, "fail": 0, "unknown": 0})
            kind[op.outcome] += 1
        return found

    def save(self, path: Path) -> None:
        """Write it down, an operation a line, for whoever looks for the reason of a violation."""
        with path.open("w", encoding="utf-8") as file:
            entries = [*map(asdict, self.windows), *map(asdict, self.ops)]
            file.writelines(json.dumps(entry, default=sorted) + "\n" for entry in entries)
