"""What a process costs, as the system tells it: memory in three ways of counting, and time on a core."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

KIB_PER_MIB = 1024


@dataclass(frozen=True, slots=True)
class Memory:
    """MiB: all that is resident, the same shared pages divided among who shares them, and what is its alone."""

    rss: float
    pss: float
    uss: float


@dataclass(frozen=True, slots=True)
class Load:
    """How much of one core a process took, in per cent, and how often in a second it woke up."""

    percent: float
    wakes: float


def memory(pid: int) -> Memory:
    """Read what a process holds now."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()[1:]
    kib = {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines)}
    own = kib["Private_Clean"] + kib["Private_Dirty"]
    return Memory(kib["Rss"] / KIB_PER_MIB, kib["Pss"] / KIB_PER_MIB, own / KIB_PER_MIB)


def loads(pids: list[int], seconds: float) -> list[Load]:
    """Watch processes for so long, all at once."""
    processes = [psutil.Process(pid) for pid in pids]
    began, before = time.monotonic(), [_spent(process) for process in processes]
    time.sleep(seconds)
    passed, after = time.monotonic() - began, [_spent(process) for process in processes]
    return [
        Load((late[0] - early[0]) / passed * 100, _more(early[1], late[1]) / passed)
        for early, late in zip(before, after, strict=True)
    ]


def _spent(process: psutil.Process) -> tuple[float, dict[str, int]]:
    times = process.cpu_times()
    return times.user + times.system, _wakes(process.pid)


def _wakes(pid: int) -> dict[str, int]:
    """Count how often each thread has waited for something, and was woken."""
    counts: dict[str, int] = {}
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            for line in status.read_text("utf-8", "replace").splitlines():
                if line.startswith("voluntary_ctxt_switches:"):
                    counts[status.parent.name] = int(line.split()[1])
    return counts


def _more(before: dict[str, int], after: dict[str, int]) -> int:
    return sum(count - before.get(thread, 0) for thread, count in after.items())
