"""What a node tells of its own past: requests over time, the last of them, and the activity log."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from node import events as e
from node.activity.entries import Entries
from node.activity.log import ActivityLog
from node.activity.told import notes_of
from node.program.tasks import TaskSet
from node.routing.history import RoutingHistory
from node.routing.journeys import Journeys
from node.routing.router import Router
from node.routing.samples import Series
from node.state import NodeState

PAUSE = 1.0  # seconds between two looks at the counters
MOST_ENTRIES = 2000  # of one answer


class Insight:
    """`hear` is told every event of the machine; `router` is the one of now, if there is one."""

    def __init__(self, data_dir: Path, router: Callable[[], Router | None]) -> None:
        self._router = router
        self._history = RoutingHistory()
        self._activity = ActivityLog(data_dir)
        self._tasks = TaskSet("insight")

    async def start(self) -> None:
        """Read what earlier runs have noted, and look at the counters from now on."""
        await asyncio.to_thread(self._activity.open)
        self._tasks.every(PAUSE, self._look, "history")

    async def stop(self) -> None:
        await self._tasks.stop()
        await self._activity.close()

    def hear(self, before: NodeState, event: e.Event, after: NodeState) -> None:
        now = time.time()
        for note in notes_of(before, event, after):
            self._activity.note(note, now)

    @property
    def noted(self) -> int:
        """The number of the newest entry of the activity log."""
        return self._activity.last

    def entries(self, after: int = 0) -> Entries:
        return self._activity.after(after, MOST_ENTRIES)

    def recent(self) -> Series:
        return self._history.recent(time.monotonic(), time.time())

    def day(self) -> Series:
        return self._history.day(time.monotonic(), time.time())

    def journeys(self, run: int = 0, after: int = 0) -> Journeys:
        router = self._router()
        return router.journeys(run, after) if router is not None else Journeys()

    async def _look(self) -> None:
        router = self._router()
        self._history.take(router.counters if router is not None else None, time.monotonic())
