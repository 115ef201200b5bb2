"""Tells when this computer has slept, so that the node talks to its coordinator at once instead of waiting.

A clock that runs during sleep is compared with one that does not: that holds on every system. On Linux logind also
says that sleep begins, and that it ended, without waiting for the next look at the clocks.
"""

from __future__ import annotations

import ctypes
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from node.program.tasks import TaskSet

if TYPE_CHECKING:
    from node.hardware.sensing.bus import Bus

EVERY = 1.0  # seconds between looks at the clocks
JUMP = 3.0  # seconds that one clock gains on the other when the computer has slept
ONCE_IN = 10.0  # seconds in which both ways tell of the same sleep


def seconds_asleep() -> float:
    """Return how long this computer has slept since some moment in the past."""
    if sys.platform == "linux":
        asleep = time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
    elif sys.platform == "darwin":
        asleep = time.clock_gettime(time.CLOCK_MONOTONIC) - time.clock_gettime(time.CLOCK_UPTIME_RAW)
    else:
        asleep = windows_seconds_asleep() if sys.platform == "win32" else 0.0
    return asleep


def windows_seconds_asleep(kernel32: Any = None) -> float:
    """Compare GetTickCount64 (ms) with QueryUnbiasedInterruptTime (100 ns), which stands still in sleep."""
    kernel32 = kernel32 or ctypes.WinDLL("kernel32")  # type: ignore[attr-defined,unused-ignore]  # only there
    kernel32.GetTickCount64.restype = ctypes.c_ulonglong
    awake = ctypes.c_ulonglong(0)
    if not kernel32.QueryUnbiasedInterruptTime(ctypes.byref(awake)):
        return 0.0
    return float(kernel32.GetTickCount64() / 1e3 - awake.value / 1e7)


class Sleeping:
    """Looks at the clocks every second, and listens to logind where there is a system bus."""

    def __init__(
        self,
        on_resume: Callable[[], None],
        on_sleep: Callable[[], None] = lambda: None,
        *,
        asleep: Callable[[], float] = seconds_asleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.resumed_at: float | None = None  # by `clock`
        self._on_resume = on_resume
        self._on_sleep = on_sleep
        self._asleep = asleep
        self._clock = clock
        self._slept = asleep()

    async def watch(self, tasks: TaskSet, system: Bus | None = None, every: float = EVERY) -> None:
        """Begin; ends with the tasks."""
        tasks.every(every, self._turn, "look whether the computer slept")
        if system is not None:
            from node.hardware.sensing.idle_logind import PREPARE_FOR_SLEEP  # D-Bus is there on Linux only

            await system.listen(PREPARE_FOR_SLEEP, self._told)
            tasks.every(60.0, system.ready, "keep the system bus")  # else nobody tells us

    async def _turn(self) -> None:
        self.look()

    def look(self) -> None:
        """Compare the clocks with what they were at the last look."""
        slept = self._asleep()
        if slept - self._slept >= JUMP:
            self._resumed()
        self._slept = slept

    def _told(self, arguments: tuple[Any, ...]) -> None:
        if arguments[:1] == (True,):
            self._on_sleep()
        elif arguments[:1] == (False,):
            self._slept = self._asleep()
            self._resumed()

    def _resumed(self) -> None:
        now = self._clock()
        if self.resumed_at is None or now - self.resumed_at >= ONCE_IN:
            self.resumed_at = now
            self._on_resume()
