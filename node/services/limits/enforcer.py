"""What keeps limits on one operating system, and the one that keeps none."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from node.services.limits.plan import Ability, Together

Start = Callable[[], "subprocess.Popen[bytes]"]
GpuUse = Callable[[], Awaitable[Sequence[Mapping[int, int]] | None]]


class Enforcer(Protocol):
    """Keeps what all services may use together. What it cannot do it does not raise for, but `ability` says so."""

    def ability(self) -> Ability:
        """Return what it can do, as far as it knows by now."""

    async def hold(self, together: Together, pids: Collection[int], /) -> None:
        """Keep these limits from now on, for the services that run, too: `pids` are the first process of each."""

    def launch(self, name: str, start: Start, /) -> subprocess.Popen[bytes]:
        """Start a service under the limits, with all that it will start itself; called in a thread."""

    async def adopt(self, name: str, pid: int, /) -> None:
        """Take over a service that was launched, where the system wants to be asked for that."""

    def ended(self, name: str, /) -> str:
        """Say why the system ended a service, if that was for its limits, in a sentence."""

    async def close(self) -> None:
        """Let everything go, after the services have ended; may be called any number of times."""


class NoLimits:
    """Keeps nothing: for systems without means, and for tests."""

    def ability(self) -> Ability:
        return Ability(cores=usable_cores())

    async def hold(self, _together: Together, _pids: Collection[int]) -> None:
        """Do nothing."""

    def launch(self, _name: str, start: Start) -> subprocess.Popen[bytes]:
        return start()

    async def adopt(self, _name: str, _pid: int) -> None:
        """Do nothing."""

    def ended(self, _name: str) -> str:
        return ""

    async def close(self) -> None:
        """Do nothing: nothing is open."""


async def no_gpu_told() -> Sequence[Mapping[int, int]] | None:
    """Return that no driver tells anything."""
    return None


@dataclass(frozen=True, slots=True)
class Means:
    """What a computer has to keep limits by; `gpu_use` tells of each GPU what its processes have, None: untold."""

    enforcer: Enforcer = field(default_factory=NoLimits)
    gpu_use: GpuUse = no_gpu_told
    close: Callable[[], None] = lambda: None


def usable_cores() -> int:
    """Return how many cores this process may run on."""
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # macOS and Windows have no such call
        return os.cpu_count() or 1
