"""Serves the picture of the mesh to whoever looks: first whole, then what changes, each at his own pace.

A coordinator is asked only while somebody looks. Whoever is slow to take a message gets fewer and larger ones:
each change is found against what he was sent last, so nothing is queued for anybody.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import Any

import aiohttp

from node.mesh_view.asking import TopologyEar
from node.mesh_view.changes import difference
from node.mesh_view.drawing import draw
from node.mesh_view.values import MeshMessage, MeshSnapshot, MeshView
from node.program.tasks import TaskSet
from node.state import NodeState, Peer

PERIOD = 0.5  # seconds between two looks
LARGE = 2500  # parts of a picture for which it is another such time, so that large ones cost no more
MEASURE_PERIOD = 10.0  # seconds between two measurements of round trips
MAX_WATCHERS = 8


class MeshFeed:
    """One for each node; it remembers no watcher but counts them."""

    def __init__(
        self,
        *,
        state: Callable[[], NodeState],
        peers: Callable[[], Sequence[Peer]],
        round_trips: Callable[[], Mapping[str, float]],
        rates: Callable[[], Mapping[str, float]],
        measure: Callable[[], Awaitable[object]],
        session: Callable[[], aiohttp.ClientSession],
    ) -> None:
        """`round_trips` are those to coordinators, in ms, `rates` our requests per second to each worker.

        `measure` is awaited now and then while somebody looks, so that peers have their round trips.
        """
        self.watchers = 0
        self._state = state
        self._peers = peers
        self._round_trips = round_trips
        self._rates = rates
        self._measure = measure
        self._ear = TopologyEar(session, lambda: self._state().coordinator)
        self._tasks = TaskSet("mesh-view")
        self._asking: tuple[asyncio.Task[Any], ...] = ()

    def view(self) -> MeshView:
        """Return the mesh as it is known now; without watchers a coordinator is not asked for it."""
        heard = self._ear.heard(time.time())
        return draw(self._state(), self._peers(), heard, rates=self._rates(), round_trips=self._round_trips())

    async def follow(self) -> AsyncGenerator[MeshMessage]:
        """Yield a snapshot, and then every change, until the generator is closed."""
        self._enter()
        try:
            view, sequence = self.view(), 0
            yield MeshSnapshot(sequence=sequence, view=view)
            while True:
                await asyncio.sleep(PERIOD * (1 + (len(view.workers) + len(view.links)) // LARGE))
                before, view = view, self.view()
                change = difference(before, view, sequence + 1)
                if change is not None:
                    sequence += 1
                    yield change
        finally:
            await self._exit()

    def _enter(self) -> None:
        self.watchers += 1
        if self.watchers == 1:
            self._asking = (
                self._tasks.start(self._ear.listen(), "listen"),
                self._tasks.every(MEASURE_PERIOD, self._measure, "measure"),
            )

    async def _exit(self) -> None:
        self.watchers -= 1
        if not self.watchers:
            asking, self._asking = self._asking, ()
            for task in asking:
                task.cancel()
            await asyncio.wait(asking)
