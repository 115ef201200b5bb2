"""Sends the topology on as it changes: a snapshot for everybody who comes, then the same deltas for all.

A change is computed and encoded once, whoever listens, in a thread of its own where there is much to look at, and
nothing is computed while nobody does. A listener that is too slow to take its messages is cut off
and comes back for a fresh snapshot; the number of listeners is bounded.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Any

import msgspec

from coordinator_server.api.shapes import (
    Topology,
    TopologyChange,
    TopologyDelta,
    TopologyRemoval,
    TopologySnapshot,
)
from node.program.tasks import TaskSet
from node.wire.problems import Problem

KEYS: Mapping[str, Callable[[Any], str]] = {  # what identifies one of each part of the topology
    "coordinators": attrgetter("id"),
    "workers": attrgetter("id"),
    "services": attrgetter("name"),
    "links": lambda link: f"{link.source}>{link.target}",
}
PERIOD = 0.1  # seconds between two looks at what has changed
WAITING = 64  # messages that may wait for one listener
MANY = 1000  # parts of the topology, which are looked at in a thread: everything else goes on meanwhile
SHARE = 0.2  # of the time that looking may take
MOST_OF_ONE = 40  # listeners from one address: the others' places are not for it

Difference = tuple[TopologyChange, TopologyRemoval] | None
Looked = tuple[Topology, Difference, float]  # what there is, how it differs, and the seconds of work that it took


def difference(old: Topology, new: Topology) -> Difference:
    """Return what changed and what is gone, or None when both say the same."""
    if old is new:
        return None
    changed: dict[str, tuple[Any, ...]] = {}
    removed: dict[str, tuple[str, ...]] = {}
    for part, key in KEYS.items():
        was, now = getattr(old, part), getattr(new, part)
        before, after = _by_key_without(now, was, key), _by_key_without(was, now, key)
        changed[part] = tuple(item for key, item in after.items() if before.get(key) != item)
        removed[part] = tuple(key for key in before if key not in after)
    if not any(changed.values()) and not any(removed.values()):
        return None
    return TopologyChange(**changed), TopologyRemoval(**removed)


def _by_key_without(known: Iterable[object], items: Iterable[object], key: Callable[[Any], str]) -> dict[str, Any]:
    """Return the items by their keys, but for the very objects that are known: of many most are the same."""
    same = set(map(id, known))
    return {key(item): item for item in items if id(item) not in same}


class TopologyStream:
    """Watches `read()` while somebody listens, and gives every listener the same numbered messages."""

    def __init__(
        self,
        read: Callable[[], Topology],
        *,
        look: Callable[[], Topology] | None = None,
        period: float = PERIOD,
        keep_alive: float = 15.0,
        maximum: int = 200,
    ) -> None:
        """`look` reads what is large in a thread; without it, `read` does that, too."""
        self._read = read
        self._read_aside = look or read
        self._period = period
        self._keep_alive = keep_alive
        self._maximum = maximum
        self._tasks = TaskSet("topology-stream")
        self._listeners: set[asyncio.Queue[bytes | None]] = set()
        self._households: Counter[str] = Counter()
        self._current: Topology | None = None
        self._sequence = 0
        self._sent_at = 0.0
        self._looking: asyncio.Future[Looked] | None = None
        self._rests_until = 0.0

    def __len__(self) -> int:
        return len(self._listeners)

    def snapshot(self) -> Topology:
        """Return the topology of now, numbered like the stream's messages."""
        return msgspec.structs.replace(self._update(), sequence=self._sequence)

    @contextlib.contextmanager
    def listen(self, household: str = "") -> Iterator[AsyncIterator[bytes]]:
        """Yield the messages from now on; they end when they are not taken fast enough. Raise Problem when full.

        `household` stands for the address that listens, where it is known.
        """
        many = bool(household) and self._households[household] >= MOST_OF_ONE
        if many or len(self._listeners) >= self._maximum:
            text = "Too many listen to the topology already. Read /api/topology instead, or try again later."
            raise Problem("overloaded", text, headers={"Retry-After": "30"})
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(WAITING)
        topology = self._as_sent() if self._listeners else self.latest()
        first = TopologySnapshot(sequence=self._sequence, timestamp=topology.timestamp, topology=topology)
        queue.put_nowait(msgspec.json.encode(first))
        self._listeners.add(queue)
        self._households[household] += 1
        if not len(self._tasks):
            self._tasks.every(self._period, self._tick, "watch")
        try:
            yield _messages(queue)
        finally:
            self._listeners.discard(queue)
            self._households[household] -= 1
            self._households += Counter()  # without those who have gone

    async def stop(self) -> None:
        """Let every listener's messages end."""
        for queue in tuple(self._listeners):
            _end(queue)
        await self._tasks.stop()

    def latest(self) -> Topology:
        """Return the topology of now; what is large as it was seen last."""
        is_large = self._current is not None and not _is_small(self._current)
        return self._as_sent() if is_large else self.snapshot()

    def _as_sent(self) -> Topology:
        """Return what others have been sent: what has changed since comes next."""
        assert self._current is not None
        return msgspec.structs.replace(self._current, sequence=self._sequence)

    async def now(self) -> Topology:
        """Return the topology of now, looked at in a thread where it is large; then it may be a second old."""
        await self.catch_up()
        return self.latest()

    async def catch_up(self) -> None:
        """Look in a thread at what is large, unless somebody did a moment ago; then `latest` is quick.

        All who ask meanwhile wait for the same look, and who goes away ends none: else threads would pile up.
        """
        looking = self._looking or self._begin_to_look()
        if looking is not None:
            await asyncio.wait([looking])
            looking.result()  # or what went wrong

    def _begin_to_look(self) -> asyncio.Future[Looked] | None:
        before = self._current
        if before is None or _is_small(before) or time.monotonic() < self._rests_until:
            return None
        looking = asyncio.get_running_loop().run_in_executor(None, self._look, before)
        looking.add_done_callback(lambda _: self._looked(looking, before))
        self._looking = looking
        return looking

    def _looked(self, looking: asyncio.Future[Looked], before: Topology) -> None:
        self._looking = None
        if looking.cancelled() or looking.exception() is not None:
            return
        topology, found, worked = looking.result()
        self._rests_until = time.monotonic() + worked / SHARE
        if self._current is before:  # nobody else has looked meanwhile
            self._take(topology, found)

    async def _tick(self) -> None:
        if not self._listeners:
            return
        if self._current is None or _is_small(self._current):
            self._update()
        else:
            await self.catch_up()

    def _look(self, before: Topology) -> Looked:
        """Return what there is now, how it differs, and the seconds of work that it took."""
        begun = time.thread_time()
        topology = self._read_aside()
        return topology, difference(before, topology), time.thread_time() - begun

    def _update(self) -> Topology:
        """Compare now with what was sent last; number and send what is different, or a sign of life."""
        topology = self._read()
        if self._current is None:
            self._current, self._sent_at = topology, topology.timestamp
        else:
            self._take(topology, difference(self._current, topology))
        return topology

    def _take(self, topology: Topology, found: Difference) -> None:
        if found is not None or topology.timestamp - self._sent_at >= self._keep_alive:
            changed, removed = found or (TopologyChange(), TopologyRemoval())
            self._sequence += 1
            self._current, self._sent_at = topology, topology.timestamp
            self._send(
                TopologyDelta(
                    sequence=self._sequence, timestamp=topology.timestamp, changed=changed, removed=removed
                )
            )

    def _send(self, delta: TopologyDelta) -> None:
        message = msgspec.json.encode(delta) if self._listeners else b""
        for queue in tuple(self._listeners):
            try:
                queue.put_nowait(message)
            except asyncio.QueueFull:
                self._listeners.discard(queue)
                _end(queue)


def _is_small(topology: Topology) -> bool:
    return sum(len(getattr(topology, part)) for part in KEYS) < MANY


async def _messages(queue: asyncio.Queue[bytes | None]) -> AsyncIterator[bytes]:
    while (message := await queue.get()) is not None:
        yield message


def _end(queue: asyncio.Queue[bytes | None]) -> None:
    while not queue.empty():
        queue.get_nowait()
    queue.put_nowait(None)
