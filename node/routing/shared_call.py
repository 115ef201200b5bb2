"""Single flight: many who want the same thing at the same time share one call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from node.program.tasks import TaskSet


class SharedCalls:
    """Calls in progress, by key; a caller that goes away leaves the call to the others."""

    def __init__(self, tasks: TaskSet) -> None:
        self._tasks = tasks
        self._running: dict[str, asyncio.Task[Any]] = {}

    def start(self, key: str, work: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[Any]:
        """Return the call in progress under this key, beginning it when there is none."""
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = self._tasks.start(work(), key)
            task.add_done_callback(lambda _: self._running.pop(key, None))
        return task

    async def call(self, key: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Wait for the shared call; what it raises, every caller gets."""
        await asyncio.shield(self.start(key, work))
