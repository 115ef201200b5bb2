"""Keeps limits on Windows by a job object: processor time, memory, priority, and an end with us, for all children.

Never run on Windows so far; what is decided is tried with a stand-in for the kernel.
Source: Microsoft, "Job Objects" (JOBOBJECT_EXTENDED_LIMIT_INFORMATION, JOBOBJECT_CPU_RATE_CONTROL_INFORMATION).
"""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Collection
from typing import Protocol

from node.services.limits.enforcer import Start, usable_cores
from node.services.limits.plan import Ability, Together

log = logging.getLogger(__name__)
BELOW_NORMAL, IDLE = 0x4000, 0x40  # priority classes
IDLE_FROM = 15  # the niceness from which on a service has the lowest priority
KILL_ON_CLOSE, JOB_MEMORY, PRIORITY_CLASS = 0x2000, 0x200, 0x20  # limit flags
WHOLE = 10_000  # of a rate: all cores for all the time


class Jobs(Protocol):
    """The kernel's calls; each raises OSError."""

    def create(self) -> int:
        """Return a new job."""

    def set_limits(self, job: int, flags: int, priority: int, memory: int) -> None:
        """Set the extended limits; what `flags` does not name is without one."""

    def set_rate(self, job: int, rate: int) -> None:
        """Set the hard cap of processor time, in hundredths of a per cent of all cores; 0 is without one."""

    def assign(self, job: int, pid: int) -> None:
        """Put a process in the job, and so all that it starts from now on."""

    def close(self, job: int) -> None:
        """Let the job go, which ends what is in it."""


class WindowsJob:
    """One job for all services; where Windows refuses it, they run without limits and `ability` says so."""

    def __init__(self, nice: int, jobs: Jobs) -> None:
        self._priority = 0 if nice == 0 else IDLE if nice >= IDLE_FROM else BELOW_NORMAL
        self._jobs = jobs
        self._job = 0
        self._works = True
        self._rate_works = True

    def ability(self) -> Ability:
        if not self._works:
            return Ability(cores=usable_cores(), memory="watched")
        by = "Windows runs services with a low priority." if self._priority else ""
        return Ability(
            cores=usable_cores(),
            cpu="exact" if self._rate_works else "none",
            cpu_by="Windows",
            memory="kept",
            memory_by="Windows",
            priority_by=by,
        )

    async def hold(self, together: Together, _pids: Collection[int]) -> None:
        try:
            self._job = self._job or self._jobs.create()
            flags = KILL_ON_CLOSE
            flags |= PRIORITY_CLASS if self._priority else 0
            flags |= JOB_MEMORY if together.ram_bytes is not None else 0
            self._jobs.set_limits(self._job, flags, self._priority, together.ram_bytes or 0)
        except OSError as error:
            self._give_up(error)
            return
        self._set_rate(together)

    def launch(self, _name: str, start: Start) -> subprocess.Popen[bytes]:
        process = start()
        if self._job and self._works:
            try:
                self._jobs.assign(self._job, process.pid)
            except OSError as error:
                if process.poll() is None:
                    self._give_up(error)
        return process

    async def adopt(self, _name: str, _pid: int) -> None:
        """Do nothing: it was put in the job when it was started."""

    def ended(self, _name: str) -> str:
        return ""

    async def close(self) -> None:
        job, self._job = self._job, 0
        if job:
            self._jobs.close(job)

    def _set_rate(self, together: Together) -> None:
        cores = together.cpu_cores
        rate = 0 if cores is None else min(WHOLE, max(1, round(cores / usable_cores() * WHOLE)))
        try:
            self._jobs.set_rate(self._job, rate)
            self._rate_works = True
        except OSError as error:  # as inside another job that has a rate already
            log.warning("Windows does not measure out processor time for services: %s", error)
            self._rate_works = False

    def _give_up(self, error: OSError) -> None:
        log.warning("Windows keeps no limits for services: %s", error)
        self._works = False
