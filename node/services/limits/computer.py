"""Chooses what keeps limits on this computer."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from node.services.limits.enforcer import Enforcer, Means, NoLimits
from node.services.limits.gpu_usage import Card, GpuUsage
from node.services.limits.linux import LinuxPriority
from node.services.limits.linux_groups import LinuxGroups
from node.services.limits.macos import MacBackground
from node.services.limits.systemd import SystemdSlice
from node.services.limits.windows import WindowsJob
from node.services.limits.windows_jobs import KernelJobs


def means_of_this_computer(
    nice: int, platform: str = sys.platform, make_jobs: Callable[[], Any] = KernelJobs
) -> Means:
    """Return what this system offers; services get this niceness, or what is like it elsewhere."""
    gpus = GpuUsage(_gpu_probe, cards=_nvidia_cards() if platform == "linux" else ())
    return Means(_enforcer(nice, platform, make_jobs), gpus.read, gpus.close)


def _enforcer(nice: int, platform: str, make_jobs: Callable[[], Any]) -> Enforcer:
    if platform == "linux":
        return _linux(nice)
    if platform == "win32":
        return WindowsJob(nice, make_jobs())
    return MacBackground(nice) if platform == "darwin" else NoLimits()


def _linux(nice: int) -> Enforcer:
    from node.hardware.sensing.bus import Bus, session_address, system_address
    from node.program.tasks import TaskSet

    tasks = TaskSet("limits bus")
    bus = Bus("systemd's bus", system_address if os.getuid() == 0 else session_address, tasks)

    async def close() -> None:
        bus.close()
        await tasks.stop()

    return LinuxGroups(LinuxPriority(nice), systemd=SystemdSlice(bus), close=close)


def _nvidia_cards() -> Sequence[Card]:
    from node.hardware.sensing.gpu_linux import NVIDIA, cards

    return tuple(card for card in cards() if card.vendor == NVIDIA)


def _gpu_probe() -> Any:
    from node.hardware.gpus import probe_command
    from node.hardware.sensing.gpu_watch import Probe

    return Probe((*probe_command(), "--watch"))
