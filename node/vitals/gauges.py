"""Reads how busy processor, memory, disks and network of this computer are, each time since the look before."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from node.vitals.values import Gauges, GpuGauge

OWN = ("lo", "loopback", "nebula", "utun", "docker", "veth", "br-", "virbr")  # what another counter counts too


class GaugeReader:
    """Remembers the counters of the last look; blocks for about a millisecond."""

    def __init__(self, data_dir: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._data_dir = data_dir
        self._clock = clock
        self._at = 0.0
        self._cpu: tuple[float, float] | None = None
        self._disk: tuple[int, int] | None = None
        self._net: tuple[int, int] | None = None

    def forget(self) -> None:
        """Begin anew: after a pause the next look covers no time and tells no rates."""
        self._cpu = self._disk = self._net = None

    def read(self, *, cpu_ours: float | None, memory_ours: int, gpus: Sequence[GpuGauge]) -> Gauges:
        """Return the gauges; `cpu_ours` is how many cores our services keep busy, as far as that is known."""
        now = self._clock()
        passed, self._at = now - self._at, now
        cpu, self._cpu = self._cpu, cpu_times()
        disk, self._disk = self._disk, disk_bytes()
        net, self._net = self._net, net_bytes()
        cores = usable_cores()
        read, written = rates(disk, self._disk, passed)
        received, sent = rates(net, self._net, passed)
        ram = psutil.virtual_memory()
        free, size = _disk_room(self._data_dir)
        return Gauges(
            cpu=busy(cpu, self._cpu),
            cpu_ours=None if cpu_ours is None else min(1.0, cpu_ours / cores),
            memory_used_bytes=max(0, ram.total - ram.available),
            memory_bytes=ram.total,
            memory_ours_bytes=memory_ours,
            disk_free_bytes=free,
            disk_bytes=size,
            disk_read_per_second=read,
            disk_written_per_second=written,
            received_per_second=received,
            sent_per_second=sent,
            gpus=tuple(gpus),
        )


def busy(before: tuple[float, float] | None, after: tuple[float, float]) -> float | None:
    """Return the share of the time between two readings of (busy, all) that was busy."""
    if before is None or after[1] <= before[1]:
        return None
    return min(1.0, max(0.0, (after[0] - before[0]) / (after[1] - before[1])))


def rates(
    before: tuple[int, int] | None, after: tuple[int, int] | None, seconds: float
) -> tuple[float | None, float | None]:
    """Return how fast two counters grow; a counter that fell belongs to something that was unplugged."""
    if before is None or after is None or seconds <= 0:
        return None, None
    first, second = (max(0, new - old) / seconds for old, new in zip(before, after, strict=True))
    return round(first, 1), round(second, 1)


def cpu_times() -> tuple[float, float]:
    """Return the seconds that the CPUs which we may use were busy, and all their seconds."""
    each = psutil.cpu_times(percpu=True)
    try:
        allowed = os.sched_getaffinity(0)
    except (AttributeError, OSError):  # macOS and Windows have no such call
        allowed = set(range(len(each)))
    chosen = [one for number, one in enumerate(each) if number in allowed] or each
    every = sum(sum(one) - getattr(one, "guest", 0.0) - getattr(one, "guest_nice", 0.0) for one in chosen)
    return every - sum(one.idle + getattr(one, "iowait", 0.0) for one in chosen), every


def usable_cores() -> int:
    try:
        return len(os.sched_getaffinity(0)) or 1
    except (AttributeError, OSError):
        return psutil.cpu_count() or 1


def disk_bytes() -> tuple[int, int] | None:
    try:
        counted = psutil.disk_io_counters()
    except (OSError, RuntimeError, NotImplementedError):  # as in some containers
        return None
    return (counted.read_bytes, counted.write_bytes) if counted is not None else None


def net_bytes() -> tuple[int, int] | None:
    """Return what was received and sent by the networks that lead out of this computer."""
    try:
        return outside(psutil.net_io_counters(pernic=True))
    except (OSError, RuntimeError):
        return None


def outside(counters: Mapping[str, Any]) -> tuple[int, int]:
    chosen = [one for name, one in counters.items() if not name.lower().startswith(OWN)]
    return sum(one.bytes_recv for one in chosen), sum(one.bytes_sent for one in chosen)


def _disk_room(folder: Path) -> tuple[int, int]:
    try:
        usage = psutil.disk_usage(str(folder))
    except OSError:
        return 0, 0
    return usage.free, usage.total
