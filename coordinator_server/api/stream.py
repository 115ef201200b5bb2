"""Sends the topology on as it changes: a snapshot for everybody who comes, then the same deltas for all.

A change is looked for and encoded once, whoever listens, and nothing is looked for while nobody does. A listener
that is too slow to take its messages is cut off and comes back for a fresh snapshot; the number of listeners is
bounded.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Protocol

import msgspec

from coordinator_server.api.shapes import Topology, TopologyDelta, TopologySnapshot
from node.program.tasks import TaskSet
from node.wire.problems import Problem

PERIOD = 0.1  # seconds between two looks at what has changed
WAITING = 64  # messages that may wait for one listener
MOST_OF_ONE = 40  # listeners from one address: the others' places are not for it


class Drawing(Protocol):
    """The mesh as it was at the last look."""

    @property
    def is_far_behind(self) -> bool:
        """True when more has changed than one look takes in."""

    def look(self) -> TopologyDelta:
        """Take in what has changed, or a part of it, and return it."""

    def topology(self) -> Topology:
        """Return all of it, as far as it was looked at."""


class TopologyStream:
    """Looks at a drawing while somebody listens, and gives every listener the same numbered messages."""

    def __init__(
        self, drawing: Drawing, *, period: float = PERIOD, keep_alive: float = 15.0, maximum: int = 200
    ) -> None:
        """`period` is between two looks, `keep_alive` between two messages at most (seconds)."""
        self._drawing = drawing
        self._period = period
        self._keep_alive = keep_alive
        self._maximum = maximum
        self._tasks = TaskSet("topology-stream")
        self._listeners: set[asyncio.Queue[bytes | None]] = set()
        self._households: Counter[str] = Counter()
        self._sequence = 0
        self._sent_at = 0.0
        self._snapshot = b""  # for all who come until the next look

    def __len__(self) -> int:
        return len(self._listeners)

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
        queue.put_nowait(self._first())
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

    async def now(self) -> Topology:
        """Return the topology of now, numbered like the stream's messages."""
        await self.catch_up()
        self._look()
        return self._numbered()

    async def catch_up(self) -> None:
        """Take in what is too much for one look, and let everything else go on in between."""
        while self._drawing.is_far_behind:
            self._look()
            await asyncio.sleep(0)

    async def _tick(self) -> None:
        self._snapshot = b""
        if self._listeners:
            self._look()

    def _look(self) -> None:
        """See what has changed; number it and send it, or a sign of life."""
        delta = self._drawing.look()
        if not delta.is_empty or abs(delta.timestamp - self._sent_at) >= self._keep_alive:
            self._sequence += 1
            self._sent_at = delta.timestamp
            self._snapshot = b""
            self._send(msgspec.structs.replace(delta, sequence=self._sequence))

    def _numbered(self) -> Topology:
        return msgspec.structs.replace(self._drawing.topology(), sequence=self._sequence)

    def _first(self) -> bytes:
        """Return the first message: what all others have been told, so that what comes next is the next."""
        if not self._listeners:
            self._look()
        if not self._snapshot:
            topology = self._numbered()
            self._snapshot = msgspec.json.encode(
                TopologySnapshot(sequence=self._sequence, timestamp=topology.timestamp, topology=topology)
            )
        return self._snapshot

    def _send(self, delta: TopologyDelta) -> None:
        message = msgspec.json.encode(delta) if self._listeners else b""
        for queue in tuple(self._listeners):
            try:
                queue.put_nowait(message)
            except asyncio.QueueFull:
                self._listeners.discard(queue)
                _end(queue)


async def _messages(queue: asyncio.Queue[bytes | None]) -> AsyncIterator[bytes]:
    while (message := await queue.get()) is not None:
        yield message


def _end(queue: asyncio.Queue[bytes | None]) -> None:
    while not queue.empty():
        queue.get_nowait()
    queue.put_nowait(None)
