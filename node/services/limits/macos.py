"""Lowers services on macOS to the background, which is all that it offers; memory is watched.

Never run on macOS so far. Source: setpriority(2) of macOS (PRIO_DARWIN_BG), which is what `taskpolicy -b` sets: the
processor, the disk and the network are for everybody else first. What a service starts inherits it.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Collection

from node.services.limits.enforcer import Start, usable_cores
from node.services.limits.plan import Ability, Together

PRIO_PROCESS, PRIO_DARWIN_PROCESS, PRIO_DARWIN_BG = 0, 4, 0x1000


class MacBackground:
    """Starts services in the background, with a niceness too."""

    def __init__(self, nice: int, set_priority: Callable[[int, int, int], None] | None = None) -> None:
        self._nice = nice
        self._set = set_priority or os.setpriority

    def ability(self) -> Ability:
        by = "macOS runs services in the background, behind all other programs." if self._nice else ""
        return Ability(cores=usable_cores(), memory="watched", priority_by=by)

    async def hold(self, _together: Together, _pids: Collection[int]) -> None:
        """Do nothing: macOS measures nothing out."""

    def launch(self, _name: str, start: Start) -> subprocess.Popen[bytes]:
        process = start()
        if self._nice:
            for which, value in ((PRIO_PROCESS, self._nice), (PRIO_DARWIN_PROCESS, PRIO_DARWIN_BG)):
                with contextlib.suppress(OSError):
                    self._set(which, process.pid, value)
        return process

    async def adopt(self, _name: str, _pid: int) -> None:
        """Do nothing."""

    def ended(self, _name: str) -> str:
        return ""

    async def close(self) -> None:
        """Do nothing: nothing is open."""
