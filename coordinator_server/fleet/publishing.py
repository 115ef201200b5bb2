"""Which of our workers' keys have to be written, so that others know of them. Pure.

A worker belongs to the coordinator that it registered with last. Who hears it register *claims* it and takes its
key over; who sees another's key in the place of its own, written after its own claim, forgets the worker.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

import msgspec

from coordinator_server.fleet.roster import LIVE, RUN, Live, Roster, Row
from coordinator_server.registry.facts import Facts, must_be_told, shared
from coordinator_server.store.interface import ABSENT, MOST_TOGETHER, Write

Ours = Callable[[str], Facts | None]  # how a worker is that talks to us and shall be known; None: there is none


class Publishing:
    """What is still to be written; the roster says what is there."""

    def __init__(self, own_id: str, roster: Roster) -> None:
        self._own_id = own_id
        self._roster = roster
        self._dirty: dict[str, None] = {}  # in order
        self._claimed: set[str] = set()
        self._awaited: dict[str, bool] = {}  # on their way and not seen yet; whether they were claimed
        self._most = MOST_TOGETHER
        self._announced = self._there = False  # our run: on its way, and seen

    def __bool__(self) -> bool:
        """Tell whether there is something to look at now."""
        return not self._announced or any(name not in self._awaited for name in self._dirty)

    def __len__(self) -> int:
        return len(self._dirty)

    def claim(self, worker_id: str) -> None:
        """Hear that a worker has registered with us."""
        self._claimed.add(worker_id)
        self._dirty[worker_id] = None

    def look_at(self, worker_ids: Iterable[str]) -> None:
        """See soon whether others have to hear something of these."""
        self._dirty.update(dict.fromkeys(worker_ids))

    def seen(self, worker_ids: Collection[str], is_ours: Callable[[str], bool]) -> Sequence[str]:
        """Take in that the store has told something of these; return those of ours that talk to others by now."""
        there = self._roster.own_run in self._roster.runs
        self._announced, self._there = self._announced and (there or not self._there), there
        lost = []
        for name in worker_ids:
            self._awaited.pop(name, None)
            live, ours = self._roster.live.get(name), is_ours(name)
            mine = live is not None and live.row.run == self._roster.own_run
            if ours and live is not None and not mine and name not in self._claimed:
                lost.append(name)
                self._dirty.pop(name, None)
            elif ours or mine:
                self._dirty[name] = None
        return lost

    def begin_anew(self) -> None:
        """Wait for nothing any more that was written: all was told."""
        self._awaited.clear()
        self._announced = self._roster.own_run in self._roster.runs

    def portion(self, ours: Ours, now: float) -> Sequence[Write]:
        """Return the next writes of one commit, none where there is nothing to write."""
        writes: list[Write] = []
        if not self._announced:
            self._announced = True
            writes.append(Write(RUN + self._roster.own_run, self._own_id.encode(), leased=True))
        for name in [name for name in self._dirty if name not in self._awaited]:
            if len(writes) >= self._most:
                break
            write = self._write(name, ours(name), self._roster.live.get(name), now)
            del self._dirty[name]
            if write is not None:
                writes.append(write)
                self._awaited[name] = name in self._claimed
            self._claimed.discard(name)
        return writes

    def written(self) -> None:
        """Take in that a portion was written."""
        self._most = min(MOST_TOGETHER, self._most * 2)

    def failed(self, writes: Sequence[Write]) -> None:
        """Take in that a portion was not, as others have changed one of these: fewer are in less danger of that."""
        self._most = max(2, self._most // 4)
        self._announced = self._announced and not any(write.key.startswith(RUN) for write in writes)
        for name in (write.key.removeprefix(LIVE) for write in writes if write.key.startswith(LIVE)):
            if self._awaited.pop(name, False):
                self._claimed.add(name)
            self._dirty[name] = None

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
