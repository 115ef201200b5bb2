"""How much memory each service has, with all that it started; measured in one pass over all processes."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Seen:
    """One process; `session` is 0 where the system has none, `memory` is what is resident, in bytes."""

    pid: int
    parent: int
    session: int
    memory: int


def processes(proc: Path = PROC) -> list[Seen]:
    """Return all processes that can be seen."""
    return list(_from_proc(proc) if sys.platform == "linux" else _from_psutil())


def trees(seen: Iterable[Seen], roots: Collection[int]) -> dict[int, list[Seen]]:
    """Return for each first process what belongs to it: its descendants, and who stayed in its session."""
    seen = list(seen)
    parents = {one.pid: one.parent for one in seen}
    found: dict[int, list[Seen]] = {root: [] for root in roots}
    for one in seen:
        root = one.session if one.session in found else _root_of(one.pid, parents, found)
        if root is not None:
            found[root].append(one)
    return found


def memory_of(roots: Mapping[str, int], proc: Path = PROC) -> dict[str, int]:
    """Return how many bytes each service has; what is shared counts several times."""
    found = trees(processes(proc), set(roots.values()))
    return {name: sum(one.memory for one in found[pid]) for name, pid in roots.items()}


def exact_memory_of(roots: Mapping[str, int], proc: Path = PROC) -> dict[str, int]:
    """Return the same with shared memory divided by who shares it; this costs too much to be asked often."""
    found = trees(processes(proc), set(roots.values()))
    return {name: sum(_proportional(one, proc) for one in found[pid]) for name, pid in roots.items()}


def _root_of(pid: int, parents: Mapping[int, int], roots: Collection[int]) -> int | None:
    for _ in range(100):  # processes may change while they are listed, even into a circle
        if pid in roots:
            return pid
        if pid not in parents:
            return None
        pid = parents[pid]
    return None


def _from_proc(proc: Path) -> Iterator[Seen]:
    page = os.sysconf("SC_PAGE_SIZE")
    for folder in proc.iterdir():
        if folder.name.isdecimal():
            with contextlib.suppress(OSError, ValueError, IndexError):
                # The name in parentheses may hold anything; fields are counted behind it (proc_pid_stat(5)).
                fields = (folder / "stat").read_bytes().rpartition(b")")[2].split()
                yield Seen(int(folder.name), int(fields[1]), int(fields[3]), int(fields[21]) * page)


def _from_psutil() -> Iterator[Seen]:
    for process in psutil.process_iter(["ppid", "memory_info"]):
        memory = process.info["memory_info"]
        yield Seen(process.pid, process.info["ppid"] or 0, 0, memory.rss if memory is not None else 0)


def _proportional(seen: Seen, proc: Path) -> int:
    try:
        for line in (proc / str(seen.pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return seen.memory
