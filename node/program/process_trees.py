"""The processes of each service, with all that it started, and what each of them uses, as the system tells it."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

PROC = Path("/proc")
MOST_ANCESTORS = 100


@dataclass(frozen=True, slots=True)
class Process:
    """One process; times in seconds. `reaped` is the time of children that ended and that it has waited for."""

    pid: int
    began: float  # tells it from another one that has its number later
    cpu: float
    reaped: float
    memory: int  # bytes that are resident

    @property
    def key(self) -> tuple[int, float]:
        return self.pid, self.began


@dataclass(frozen=True, slots=True)
class _Seen:
    process: Process
    parent: int
    session: int


def look(roots: Mapping[str, int], proc: Path = PROC) -> dict[str, tuple[Process, ...]]:
    """Return the processes of each service, given the first process of each; blocks for some milliseconds."""
    if not roots:
        return {}
    return _by_proc(roots, proc) if sys.platform == "linux" else _by_psutil(roots)


def memory(processes: Sequence[Process]) -> int:
    """Return how many bytes they have; what they share counts several times."""
    return sum(one.memory for one in processes)


def _by_proc(roots: Mapping[str, int], proc: Path) -> dict[str, tuple[Process, ...]]:
    """Who descends from a service is its own, and who stayed in its session when his parents ended."""
    seen = list(_read_proc(proc))
    parents = {one.process.pid: one.parent for one in seen}
    names = {pid: name for name, pid in roots.items()}
    found: dict[str, list[Process]] = {name: [] for name in roots}
    for one in seen:
        name = names.get(one.session) or _owner(one.process.pid, parents, names)
        if name is not None:
            found[name].append(one.process)
    return {name: tuple(processes) for name, processes in found.items()}


def _owner(pid: int, parents: Mapping[int, int], names: Mapping[int, str]) -> str | None:
    for _ in range(MOST_ANCESTORS):  # processes may change while they are listed, even into a circle
        if pid in names:
            return names[pid]
        if pid not in parents:
            return None
        pid = parents[pid]
    return None


def _read_proc(proc: Path) -> Iterator[_Seen]:
    page, ticks = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")
    for folder in proc.iterdir():
        if folder.name.isdecimal():
            with contextlib.suppress(OSError, ValueError, IndexError):
                # The name in parentheses may hold anything; fields are counted behind it (proc_pid_stat(5)).
                fields = (folder / "stat").read_bytes().rpartition(b")")[2].split()
                own, reaped = (sum(int(field) for field in part) / ticks for part in (fields[11:13], fields[13:15]))
                process = Process(int(folder.name), float(fields[19]), own, reaped, int(fields[21]) * page)
                yield _Seen(process, int(fields[1]), int(fields[3]))


def _by_psutil(roots: Mapping[str, int]) -> dict[str, tuple[Process, ...]]:
    return {name: tuple(_tree(pid)) for name, pid in roots.items()}


def _tree(pid: int) -> Iterator[Process]:
    with contextlib.suppress(psutil.Error):
        first = psutil.Process(pid)
        for process in (first, *first.children(recursive=True)):
            with contextlib.suppress(psutil.Error), process.oneshot():
                times = process.cpu_times()
                yield Process(
                    process.pid,
                    process.create_time(),
                    times.user + times.system,
                    times.children_user + times.children_system,
                    process.memory_info().rss,
                )
