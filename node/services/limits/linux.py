"""Keeps services at low priority and on some of the cores: what Linux lets everybody do to what he starts.

Priority, cores and I/O class belong to threads there, and what a thread starts has them from its first instant. So
a service is started by a thread that has given them up itself, and ends then: nobody can take them back.
Sources: sched(7) (autogroup), sched_setaffinity(2), ioprio_set(2).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
import threading
import time
from collections.abc import Collection
from pathlib import Path

from node.program.process_trees import look
from node.services.limits.enforcer import Start, usable_cores
from node.services.limits.plan import Ability, Together

TRIES, PAUSE = 20, 0.11  # seconds between two tries
IOPRIO_WHO_PROCESS = 1
IOPRIO_IDLE = 3 << 13
IOPRIO_SET = {"x86_64": 251, "aarch64": 30}  # numbers of the system call, which the C library does not offer


class LinuxPriority:
    """Starts services with this niceness, on as many cores as `hold` said last."""

    def __init__(self, nice: int, proc: Path = Path("/proc")) -> None:
        self._nice = nice
        self._proc = proc
        self._all = _cores_of_this_process()
        self._cores = self._all

    def ability(self) -> Ability:
        by = f"Services run with the lowest priority (nice {self._nice})." if self._nice else ""
        return Ability(cores=usable_cores(), cpu="cores", memory="watched", priority_by=by)

    async def hold(self, together: Together, pids: Collection[int]) -> None:
        count = together.whole_cores or len(self._all)
        cores = frozenset(sorted(self._all)[-count:])  # the first has most to do for the system itself
        if cores != self._cores:
            self._cores = cores
            self.pin(pids)

    def pin(self, pids: Collection[int]) -> None:
        """Move what runs already; twice, for a thread may have started another meanwhile."""
        for _ in range(2):
            for family in look({str(pid): pid for pid in pids}, self._proc).values():
                for process in family:
                    for thread in _threads(self._proc, process.pid):
                        with contextlib.suppress(OSError):
                            os.sched_setaffinity(thread, self._cores)

    def launch(self, name: str, start: Start) -> subprocess.Popen[bytes]:
        found: list[subprocess.Popen[bytes]] = []
        failed: list[BaseException] = []

        def give_up_and_start() -> None:
            try:
                self._give_up()
                found.append(start())
            except BaseException as error:
                failed.append(error)

        thread = threading.Thread(target=give_up_and_start, name=f"launch {name}")
        thread.start()
        thread.join()
        if failed:
            raise failed[0]
        self._give_up_group(found[0].pid)
        return found[0]

    async def adopt(self, _name: str, _pid: int) -> None:
        """Do nothing: it was born so."""

    def ended(self, _name: str) -> str:
        return ""

    async def close(self) -> None:
        """Do nothing: nothing is open."""

    def _give_up(self) -> None:
        """Lower this thread; where the system refuses something, the rest still helps."""
        with contextlib.suppress(OSError):
            if self._cores != self._all:
                os.sched_setaffinity(0, self._cores)
        if self._nice:
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, 0, max(self._nice, os.getpriority(os.PRIO_PROCESS, 0)))
            _idle_io()

    def _give_up_group(self, pid: int) -> None:
        """Lower the session too: where Linux groups by sessions, a low priority counts inside of each only."""
        for _ in range(TRIES if self._nice else 0):
            try:
                (self._proc / str(pid) / "autogroup").write_text(str(self._nice))
            except BlockingIOError:  # one such change in a tenth of a second, for the whole computer
                time.sleep(PAUSE)
            except OSError:  # it has ended, or Linux was built without these groups
                return
            else:
                return


def _cores_of_this_process() -> frozenset[int]:
    if sys.platform != "linux":
        return frozenset(range(os.cpu_count() or 1))
    return frozenset(os.sched_getaffinity(0))


def _threads(proc: Path, pid: int) -> list[int]:
    try:
        return [int(entry.name) for entry in (proc / str(pid) / "task").iterdir()]
    except OSError:
        return []


def _idle_io() -> None:
    """Have this thread's disk accesses wait for those of everybody else."""
    number = IOPRIO_SET.get(os.uname().machine)
    if number is not None:
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).syscall(number, IOPRIO_WHO_PROCESS, 0, IOPRIO_IDLE)
