"""When to ask a second worker while the first takes long ("The Tail at Scale", Dean and Barroso 2013)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

SHORTEST = 0.002  # seconds: so often at most it is looked whether a second worker can be asked


class Hedge:
    """Calls `ask` after every `wait` seconds until it says that a second worker is asked, or until stopped."""

    __slots__ = ("_ask", "_loop", "_timer", "_wait")

    def __init__(self, wait: float, ask: Callable[[], bool]) -> None:
        self._wait = max(SHORTEST, wait)
        self._ask = ask
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(self._wait, self._due)

    def stop(self) -> None:
        self._timer.cancel()

    def _due(self) -> None:
        self._timer = self._loop.call_later(self._wait, self._due)
        if self._ask():
            self.stop()
