"""Who is live where, what each worker shall run, and who assigns: as one watch of the store tells it. Pure.

All of it is below one prefix, so that it is told in the order in which it was written. Every coordinator has a
*run*, drawn when it starts, and a leased key for it; while there are others, it has one for each worker that talks
to it as well. When a coordinator dies, its keys vanish together: a worker's key that vanishes with its run's is of
one on its way to another coordinator, which is expected there for a while. One that vanishes alone has left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from coordinator_server.registry.facts import Facts, member_of
from coordinator_server.registry.membership import Member
from coordinator_server.store.interface import Change
from node.wire.messages import UNREADABLE

PREFIX: Final = "roster/"
RUN: Final = PREFIX + "run/"  # leased; the coordinator's id
LIVE: Final = PREFIX + "live/"  # leased; a Row
ASSIGNED: Final = PREFIX + "assigned/"  # names of services
ASSIGNER: Final = PREFIX + "assigner"  # leased; the run of who assigns


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A worker that is live, and the coordinator that it talks to."""

    owner: str
    run: str  # of that coordinator
    facts: Facts


@dataclass(frozen=True, slots=True)
class Live:
    """A row as the store has it, and when we saw it (seconds of a clock that never steps back)."""

    row: Row
    version: int
    seen_at: float
    member: Member  # the worker, as those that talk to us are known


@dataclass(frozen=True, slots=True)
class Held:
    """Which run assigns, by a key of this version."""

    run: str
    version: int


@dataclass(frozen=True, slots=True)
class Read:
    """A change whose value was read; None: it is gone, or nobody can read it."""

    key: str
    value: Live | Held | str | tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """Of which workers something is new."""

    live: frozenset[str] = frozenset()
    assigned: frozenset[str] = frozenset()


class Roster:
    """What the store has said so far; times are seconds of a clock that never steps back."""

    def __init__(self, own_run: str, grace: float) -> None:
        """`grace` is for how long a worker is expected whose coordinator has died."""
        self.own_run = own_run
        self.grace = grace
        self.runs: dict[str, str] = {}  # ids of coordinators, by run
        self.live: dict[str, Live] = {}
        self.assigned: dict[str, tuple[str, ...]] = {}
        self.assigner: Held | None = None
        self.expected: dict[str, float] = {}  # until when
        self.version = 0  # rises with every change
        self.differs: Callable[[str], None] = lambda _worker_id: None  # hears of each of whom something is new
        self._begun = False

    def others(self) -> Sequence[str]:
        """Return the runs of the other coordinators that take part."""
        return [run for run in self.runs if run != self.own_run]

    def elsewhere(self) -> Iterator[tuple[str, Row]]:
        """Yield the workers that talk to other coordinators."""
        return ((name, live.row) for name, live in tuple(self.live.items()) if live.row.run != self.own_run)

    def at(self, worker_id: str) -> Row | None:
        """Return where a worker is live, and how."""
        found = self.live.get(worker_id)
        return found.row if found is not None else None

    def take(self, changes: Iterable[Read], now: float, *, whole: bool) -> Told:
        """Take in changes, or with `whole` all that there is."""
        self.version += 1
        before_live: Mapping[str, Live | None]
        if whole:
            before_live, before_assigned = self.live, self.assigned
            self.runs, self.live, self.assigned, self.assigner = {}, {}, {}, None
            for change in changes:
                self._apply(change)
            touched = self.live.keys() | before_live.keys()
            assigned = {
                name
                for name in self.assigned.keys() | before_assigned.keys()
                if self.assigned.get(name) != before_assigned.get(name)
            }
        else:
            every = list(changes)
            touched = {one.key.removeprefix(LIVE) for one in every if one.key.startswith(LIVE)}
            assigned = {one.key.removeprefix(ASSIGNED) for one in every if one.key.startswith(ASSIGNED)}
            before_live = {name: self.live.get(name) for name in touched}
            for change in every:
                self._apply(change)
        for name in touched:
            self._expect(name, before_live.get(name), now)
            self.differs(name)
        if not self._begun:
            self._begun = True
            self.expect(self.assigned, now)
        return Told(frozenset(touched), frozenset(assigned))

    def expect(self, worker_ids: Iterable[str], now: float) -> None:
        """Expect these workers, unless they are live."""
        self.expected |= {name: now + self.grace for name in worker_ids if name not in self.live}

    def arrived(self, worker_id: str) -> None:
        """Expect a worker no more, for it is here or has left."""
        self.expected.pop(worker_id, None)

    def tick(self, now: float) -> Sequence[str]:
        """Return whom nobody has seen in time, and expect them no more."""
        late = [name for name, until in self.expected.items() if now >= until]
        for name in late:
            del self.expected[name]
        self.version += bool(late)
        return late

    def _apply(self, change: Read) -> None:
        key, value = change.key, change.value
        if key == ASSIGNER:
            self.assigner = value if isinstance(value, Held) else None
        elif key.startswith(LIVE):
            name = key.removeprefix(LIVE)
            if isinstance(value, Live):
                self.live[name] = value
            else:
                self.live.pop(name, None)
        elif key.startswith(ASSIGNED):
            name = key.removeprefix(ASSIGNED)
            if isinstance(value, tuple):
                self.assigned[name] = value
            else:
                self.assigned.pop(name, None)
        elif key.startswith(RUN):
            run = key.removeprefix(RUN)
            if isinstance(value, str):
                self.runs[run] = value
            else:
                self.runs.pop(run, None)

    def _expect(self, name: str, before: Live | None, now: float) -> None:
        if name in self.live:
            self.expected.pop(name, None)
        elif before is not None and before.row.run not in self.runs:
            self.expected[name] = now + self.grace


def read(change: Change, now: float) -> Read:
    """Read what a change says; what a newer version of this program has written counts as nothing."""
    key, entry = change.key, change.entry
    if entry is None:
        return Read(key)
    try:
        if key == ASSIGNER:
            return Read(key, Held(entry.value.decode(), entry.version))
        if key.startswith(LIVE):
            row = msgspec.json.decode(entry.value, type=Row)
            return Read(key, Live(row, entry.version, now, member_of(key.removeprefix(LIVE), row.facts)))
        if key.startswith(ASSIGNED):
            return Read(key, msgspec.json.decode(entry.value, type=tuple[str, ...]))
        return Read(key, entry.value.decode())
    except UNREADABLE:
        return Read(key)
