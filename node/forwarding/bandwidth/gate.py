"""One direction of all limited connections: who may go on now, in the order in which they came."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from node.forwarding.bandwidth.bucket import Bucket

log = logging.getLogger(__name__)
SOONEST, LATEST = 0.005, 1.0  # seconds between two looks at who waits

Turn = Callable[[], int]  # goes on, and returns how many bytes that is likely to cost beyond what was spent at once


class Gate:
    """Holds a bucket and those who wait for it; owns one timer while somebody waits."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._bucket = Bucket()
        self._waiting: dict[Turn, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def rate(self) -> int | None:
        return self._bucket.rate

    @property
    def open(self) -> bool:
        """Whether anything may go now without overtaking anybody."""
        return not self._waiting and self._bucket.open(self._loop.time())

    def change(self, rate: int | None) -> None:
        """Let so many bytes a second through from now on."""
        self._bucket.change(rate, self._loop.time())
        if self._waiting:
            self._arm(SOONEST)

    def spend(self, size: int) -> None:
        self._bucket.spend(size, self._loop.time())

    def wait(self, turn: Turn) -> None:
        """Have `turn` called when it may go on."""
        self._waiting[turn] = None
        if self._timer is None:
            self._arm(self._bucket.wait(self._loop.time()))

    def forget(self, turn: Turn) -> None:
        self._waiting.pop(turn, None)
        if not self._waiting and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _may(self, likely: int) -> bool:
        return self._bucket.rate is None or self._bucket.level(self._loop.time()) >= likely

    def _arm(self, delay: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(min(LATEST, max(SOONEST, delay)), self._look)

    def _look(self) -> None:
        self._timer = None
        likely, turns = 0, len(self._waiting)  # who waits again has its turn next time
        while turns and self._waiting and self._may(likely):
            turn = next(iter(self._waiting))
            del self._waiting[turn]
            try:
                likely += turn()
            except Exception:
                log.exception("a limited connection could not go on")
            turns -= 1
        if self._waiting and self._timer is None:
            self._arm(self._bucket.wait(self._loop.time()))
