"""Time limits at the price of one attribute: who has a deadline is looked at every so often, all in one go.

A timer for each request would cost more than parsing it. Limits are seconds, so that a look every quarter of a
second or so is exact enough: nothing is cut before its time, and little later.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

log = logging.getLogger(__name__)
NEVER = float("inf")


class Timed(Protocol):
    """Something with a time (of the running loop) at which it is overdue."""

    deadline: float

    def overdue(self, now: float) -> None:
        """Do what must be done now, and set another deadline or leave the sweep."""


class Sweep:
    """Owns one timer for everything in `members`."""

    def __init__(self, interval: float = 0.25) -> None:
        self.members: set[Timed] = set()
        self._interval = interval
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        if self._timer is None:
            self._arm()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._interval, self._turn)

    def _turn(self) -> None:
        self._arm()
        loop = asyncio.get_running_loop()
        now = loop.time()
        if min((member.deadline for member in self.members), default=NEVER) <= now:
            # In between the loop reads from the network: what has come in time counts, however late we are.
            loop.call_soon(loop.call_soon, self._look_again, now)

    def _look_again(self, now: float) -> None:
        if self._timer is not None:
            self.look(now)

    def look(self, now: float) -> None:
        """Tell everybody who is overdue; a failure in one is logged and stops no other."""
        for member in [member for member in self.members if member.deadline <= now]:
            try:
                member.overdue(now)
            except Exception:
                log.exception("a time limit could not be enforced")
