"""Background tasks with an owner: named, logged when they crash, cancelled and awaited at the end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from node.wire.problems import Problem

log = logging.getLogger(__name__)


class TaskSet:
    """Owns the tasks of one object; `stop()` may be called any number of times."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run a coroutine; an exception in it is logged with its name, never lost."""
        task = asyncio.get_running_loop().create_task(work, name=f"{self._owner}:{name}")
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def every(self, seconds: float, work: Callable[[], Awaitable[object]], name: str) -> asyncio.Task[Any]:
        """Await `work()` again and again with a pause of `seconds`; a failure is logged and the next turn comes."""
        return self.start(self._repeat(seconds, work, name), name)

    async def stop(self) -> None:
        """Cancel all tasks and wait until they have ended."""
        current = asyncio.current_task()
        tasks = [task for task in self._tasks if task is not current]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _repeat(self, seconds: float, work: Callable[[], Awaitable[object]], name: str) -> None:
        while True:
            try:
                await work()
            except Problem as error:  # which says it all
                log.warning("%s: %s failed: %s It is tried again.", self._owner, name, error)
            except Exception:
                log.exception("%s: %s failed; it is tried again in %.1f s", self._owner, name, seconds)
            await asyncio.sleep(seconds)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Problem):  # which says it all
            log.warning("task %s failed: %s", task.get_name(), error)
        elif error is not None:
            log.error("task %s failed", task.get_name(), exc_info=error)
