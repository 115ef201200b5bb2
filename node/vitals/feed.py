"""Tells whoever looks how this machine does, once a second; what is measured for that rests while nobody looks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any

from node.program.tasks import TaskSet
from node.vitals.gauges import GaugeReader
from node.vitals.gpus import gauge
from node.vitals.keeper import ContributionKeeper
from node.vitals.values import Vitals

PERIOD = 1.0  # seconds
MAX_WATCHERS = 8


class VitalsFeed:
    """One for each node; all who look share the same looks."""

    def __init__(
        self,
        keeper: ContributionKeeper,
        gauges: GaugeReader,
        clock: Callable[[], float] = time.monotonic,
        period: float = PERIOD,
    ) -> None:
        self._keeper = keeper
        self._gauges = gauges
        self._clock = clock
        self._period = period
        self._latest: Vitals | None = None
        self._sequence = 0
        self._watchers: set[asyncio.Event] = set()
        self._tasks = TaskSet("vitals")
        self._measuring: asyncio.Task[Any] | None = None

    @property
    def watchers(self) -> int:
        return len(self._watchers)

    async def follow(self) -> AsyncGenerator[Vitals]:
        """Yield each look until the generator is closed; who is slow misses some."""
        changed = asyncio.Event()
        self._watchers.add(changed)
        if self._measuring is None:
            self._gauges.forget()
            self._keeper.watched = True
            self._measuring = self._tasks.every(self._period, self._measure, "measure")
        try:
            while True:
                await changed.wait()
                changed.clear()
                if self._latest is not None:
                    yield self._latest
        finally:
            self._watchers.discard(changed)
            await self._rest()

    async def _measure(self) -> None:
        await self._keeper.count()
        services = self._keeper.services()
        told = [one.cpu for one in services if one.cpu is not None]
        gauges = await asyncio.to_thread(
            self._gauges.read,
            cpu_ours=sum(told) if told else None if any(one.memory_bytes for one in services) else 0.0,
            memory_ours=sum(one.memory_bytes or 0 for one in services),
            gpus=[gauge(one) for one in self._keeper.gpus],
        )
        self._sequence += 1
        self._latest = Vitals(
            sequence=self._sequence,
            at=self._clock(),
            gauges=gauges,
            services=services,
            contribution=self._keeper.contribution(),
        )
        for watcher in self._watchers:
            watcher.set()

    async def _rest(self) -> None:
        """Measure no more once nobody looks."""
        if self._watchers or self._measuring is None:
            return
        measuring, self._measuring = self._measuring, None
        self._keeper.watched = False
        measuring.cancel()
        await asyncio.wait([measuring])
