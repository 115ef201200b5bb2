"""Asking a second worker while the first takes long ("The Tail at Scale", Dean and Barroso 2013): the race."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Generic, Self, TypeVar

from node.program.tasks import TaskSet

T = TypeVar("T")


class Race(Generic[T]):
    """Runs tries beside one another until one of them is usable; leaving the race cancels the others at once."""

    def __init__(self) -> None:
        self._tasks = TaskSet("hedge")
        self._running: dict[asyncio.Task[bool | Exception], T] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._tasks.stop()

    @property
    def under_way(self) -> int:
        """How many tries have not ended yet."""
        return sum(not task.done() for task in self._running)

    def start(self, runner: T, usable: Coroutine[Any, Any, bool]) -> None:
        """Let one more try run; `usable` says at last whether its answer may be taken."""
        self._running[self._tasks.start(_outcome(usable), "try")] = runner

    async def ended_within(self, seconds: float) -> bool:
        """Wait so long for a try to end; tell whether one did."""
        done, _ = await asyncio.wait(self._running, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)

    async def winner(self) -> T | None:
        """Return the first try whose answer is usable; None when none is. Raises what a try raises."""
        while self._running:
            done, _ = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
            for task in [task for task in self._running if task in done]:
                runner, outcome = self._running.pop(task), task.result()
                if isinstance(outcome, Exception):
                    raise outcome
                if outcome:
                    return runner
        return None


async def _outcome(usable: Coroutine[Any, Any, bool]) -> bool | Exception:
    try:
        return await usable
    except Exception as error:  # the request's end, which whoever waits for the winner hears of
        return error
