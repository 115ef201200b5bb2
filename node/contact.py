"""The node's one conversation with its coordinator: one call at a time, each at its time, with some jitter."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable

from node.program.tasks import TaskSet

log = logging.getLogger(__name__)
AGAIN = 10.0  # seconds after a fault of ours
JITTER = 0.1  # share of a long pause, so that workers do not all come at once


class CoordinatorContact:
    """Awaits `due()` when an appointment comes, and then what `due` asked for with `begin`."""

    def __init__(self, due: Callable[[], Awaitable[None]]) -> None:
        self._due = due
        self._job: Callable[[], Awaitable[None]] | None = None
        self._at: float | None = None
        self._changed = asyncio.Event()
        self._quiet = asyncio.Event()
        self._tasks = TaskSet("contact")

    def start(self) -> None:
        self._tasks.start(self._run(), "loop")

    async def stop(self) -> None:
        await self._tasks.stop()

    def schedule(self, after: float) -> None:
        """Make an appointment in so many seconds, unless there is an earlier one."""
        if after > 1:
            after *= 1 - JITTER * random.random()  # noqa: S311 - not for secrets
        at = asyncio.get_running_loop().time() + after
        if self._at is None or at < self._at:
            self._at = at
            self._changed.set()
            self._quiet.clear()

    async def quiet(self, limit: float) -> None:
        """Wait until nothing is being said nor due now, at most `limit` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit):
                await self._quiet.wait()

    def begin(self, job: Callable[[], Awaitable[None]]) -> None:
        """Set what is done at the appointment that is due now."""
        self._job = job
        self._changed.set()
        self._quiet.clear()

    async def _run(self) -> None:
        while True:
            try:
                await self._turn()
            except Exception:  # a node that says nothing any more would be forgotten, and nobody would know why
                log.exception("talking to the coordinator failed; it is tried again in %.0f s", AGAIN)
                self.schedule(AGAIN)

    async def _turn(self) -> None:
        self._changed.clear()
        if self._job is not None:
            job, self._job = self._job, None
            await job()
        elif await self._wait():
            self._at = None
            await self._due()

    async def _wait(self) -> bool:
        """Wait for the appointment; return False when something changed before it."""
        delay = None if self._at is None else self._at - asyncio.get_running_loop().time()
        if delay is not None and delay <= 0:
            return True
        self._quiet.set()
        try:
            async with asyncio.timeout(delay):
                await self._changed.wait()
        except TimeoutError:
            return True
        return False
