"""Which of our workers' keys have to be written, so that others know of them. Pure.

A worker belongs to the coordinator that it registered with last. Who hears it register *claims* it and takes its
key over; who sees another's key in the place of its own, written after its own claim, forgets the worker.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import islice

import msgspec

from coordinator_server.fleet.roster import LIVE, RUN, Live, Roster, Row
from coordinator_server.registry.facts import Facts, must_be_told, shared
from coordinator_server.store.interface import ABSENT, MOST_TOGETHER, Write

LOOK = 200  # workers that are looked at in one go
Ours = Callable[[str], Facts | None]  # how a worker is that talks to us and shall be known; None: there is none


class Publishing:
    """What is still to be written; the roster says what is there."""

    def __init__(self, own_id: str, roster: Roster) -> None:
        self._own_id = own_id
        self._roster = roster
        self._dirty: dict[str, None] = {}  # to be looked at, in order
        self._again: set[str] = set()  # to be looked at when what is on its way has been seen
        self._claimed: set[str] = set()
        self._sent: dict[str, bool] = {}  # on their way, and whether they were claimed
        self._awaited: set[str] = set()  # written, and not seen yet
        self._most = MOST_TOGETHER
        self._announced = self._there = False  # our run: on its way, and seen

    def __bool__(self) -> bool:
        """Tell whether there is something to look at now."""
        return not self._announced or bool(self._dirty)

    def claim(self, worker_id: str) -> None:
        """Hear that a worker has registered with us."""
        self._claimed.add(worker_id)
        self.look_at([worker_id])

    def look_at(self, worker_ids: Iterable[str]) -> None:
        """See soon whether others have to hear something of these."""
        for name in worker_ids:
            if name in self._awaited or name in self._sent:
                self._again.add(name)
            else:
                self._dirty[name] = None

    def seen(self, worker_ids: Collection[str], is_ours: Callable[[str], bool]) -> Sequence[str]:
        """Take in that the store has told something of these; return those of ours that talk to others by now."""
        there = self._roster.own_run in self._roster.runs
        self._announced, self._there = self._announced and (there or not self._there), there
        lost = []
        for name in worker_ids:
            live, ours = self._roster.live.get(name), is_ours(name)
            mine = live is not None and live.row.run == self._roster.own_run
            theirs = live is not None and not mine
            if theirs and self._sent.get(name):
                continue  # who was quicker refuses what is on its way
            written = name in self._awaited or name in self._sent
            self._awaited.discard(name)
            self._sent.pop(name, None)
            if ours and theirs and name not in self._claimed:
                lost.append(name)
                self._dirty.pop(name, None)
            elif ours != mine or name in self._again or (mine and not written):
                self._dirty[name] = None
            self._again.discard(name)
        return lost

    def begin_anew(self) -> None:
        """Wait for nothing any more that was written: all was told."""
        self._awaited.clear()
        again, self._again = self._again, set()
        self.look_at(again)
        self._announced = self._roster.own_run in self._roster.runs

    def portion(self, ours: Ours, now: float) -> Sequence[Write]:
        """Return the next writes of one commit, none where nothing of what was looked at has to be written."""
        writes: list[Write] = []
        if not self._announced:
            self._announced = True
            writes.append(Write(RUN + self._roster.own_run, self._own_id.encode(), leased=True))
        for name in list(islice(self._dirty, LOOK)):
            if len(writes) >= self._most:
                break
            write = self._write(name, ours(name), self._roster.live.get(name), now)
            del self._dirty[name]
            if write is not None:
                writes.append(write)
                self._sent[name] = name in self._claimed
            self._claimed.discard(name)
        return writes

    def written(self) -> None:
        """Take in that a portion was written."""
        self._awaited |= self._sent.keys()
        self._sent.clear()
        self._most = min(MOST_TOGETHER, self._most * 2)

    def failed(self) -> None:
        """Take in that a portion was not, as others have changed one of these: fewer are in less danger of that."""
        self._most = max(2, self._most // 4)
        self._announced = self._roster.own_run in self._roster.runs
        self._claimed |= {name for name, claimed in self._sent.items() if claimed}
        self._dirty |= dict.fromkeys(self._sent)
        self._again -= self._sent.keys()
        self._sent.clear()

    def _write(self, name: str, facts: Facts | None, live: Live | None, now: float) -> Write | None:
        key, version = LIVE + name, ABSENT if live is None else live.version
        mine = live is not None and live.row.run == self._roster.own_run
        if facts is None:
            return Write(key, None, version) if mine else None
        if live is not None and mine and not must_be_told(live.row.facts, facts, now - live.seen_at):
            return None
        if live is not None and not mine and name not in self._claimed:
            return None
        row = Row(owner=self._own_id, run=self._roster.own_run, facts=shared(facts))
        return Write(key, msgspec.json.encode(row), version, leased=True)
