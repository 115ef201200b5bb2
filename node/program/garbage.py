"""Puts a program's memory in order once it has started, so that it holds less, and pauses less while it serves."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import sys
from collections.abc import AsyncIterator, Callable

from node.program.tasks import TaskSet

THRESHOLDS = (2_000, 5, 1_000)  # the first two bound a look at what is young to some 5 ms; all is looked at rarely
NEVER = 1_000_000_000
PAUSE = 0.1  # seconds between looks at what is young
OLDER = 3  # looks, the last of which is also at what the others have left
ALL = 100  # looks, after which it is seen whether to look at everything
GROWN = 1.25  # times as much as there was, upon which garbage is looked for in everything


def settle() -> None:
    """Say that what is there now stays, so that only what comes from now on is looked through.

    Looking through everything takes tens of milliseconds in which nobody is served.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    give_back()


def give_back() -> None:
    """Give the system what the start has used and freed, which glibc would keep for later."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)


@contextlib.asynccontextmanager
async def looked_through(served: Callable[[], int]) -> AsyncIterator[None]:
    """Look for garbage at times of our own meanwhile; `served` tells for how many something is held."""
    before, looks, tasks = gc.get_threshold(), Looks(served), TaskSet("garbage")
    if sys.getallocatedblocks():  # else this Python does not say how much is held
        gc.set_threshold(*before[:2], NEVER)
    tasks.every(PAUSE, looks.look, "look")
    try:
        yield
    finally:
        await tasks.stop()
        gc.set_threshold(*before)


class Looks:
    """Looks at little at a time, and at everything only where there is much that nobody's coming explains.

    Python itself looks at what is young when thousands more have come than gone. Of ten thousand who are served
    each has a few new objects in the place of old ones all the time: none more for long, and then 200,000 are
    young, which takes 0.1 s. And it looks at everything every so often, which takes a second and finds next to
    nothing.
    """

    def __init__(self, served: Callable[[], int], held: Callable[[], int] = sys.getallocatedblocks) -> None:
        """`held` returns how many blocks of memory are in use."""
        self._served = served
        self._held = held
        self._count = 0
        self._then, self._most = held(), served()

    async def look(self) -> None:
        """Look at what is young, and see every so often whether that is enough."""
        self._count += 1
        if self._count % ALL == 0 and self._is_due():
            gc.collect()
            self._then = self._held()
        else:
            gc.collect(1 if self._count % OLDER == 0 else 0)

    def _is_due(self) -> bool:
        """Say whether far more is held than the last time, though no more are served than ever before."""
        held, served = self._held(), self._served()
        if served >= GROWN * self._most and served:
            self._then, self._most = held, served
        return held > GROWN * self._then
