"""Ends snoozes at their time: by a timer, which stands still while the computer sleeps, and by the clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from node import events as e
from node.rules.settings import Scope
from node.state import NodeState


class Snoozes:
    """One node's; `stop` may be called any number of times."""

    def __init__(self, state: Callable[[], NodeState], dispatch: Callable[[e.Event], None]) -> None:
        self._state = state
        self._dispatch = dispatch
        self._timers: dict[Scope, asyncio.TimerHandle] = {}

    async def schedule(self, command: e.ScheduleResume) -> None:
        """End this one at its time, and no other of its scope."""
        if (earlier := self._timers.pop(command.scope, None)) is not None:
            earlier.cancel()

        def ended() -> None:
            self._dispatch(e.SnoozeEnded(time.time(), command.scope, command.at))

        delay = max(0.0, command.at - time.time())
        self._timers[command.scope] = asyncio.get_running_loop().call_later(delay, ended)

    async def look(self) -> None:
        """End what should have ended by the clock, as while the computer slept."""
        now, state = time.time(), self._state()
        if state.snoozed_until is not None and state.snoozed_until <= now:
            self._dispatch(e.SnoozeEnded(now))
        if state.gpu_snoozed_until is not None and state.gpu_snoozed_until <= now:
            self._dispatch(e.SnoozeEnded(now, "gpu"))

    def stop(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
