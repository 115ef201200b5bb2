"""Limits on Windows, with a stand-in for the kernel: which limits a job gets, and what is told when it refuses."""

from __future__ import annotations

import subprocess
import sys

import pytest

from node.services.limits.enforcer import usable_cores
from node.services.limits.plan import Together
from node.services.limits.windows import (
    BELOW_NORMAL,
    IDLE,
    JOB_MEMORY,
    KILL_ON_CLOSE,
    PRIORITY_CLASS,
    WHOLE,
    WindowsJob,
)

pytestmark = pytest.mark.processes


class Jobs:
    """Notes what is asked of the kernel."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.refuses: set[str] = set()

    def _note(self, *call: object) -> None:
        if call[0] in self.refuses:
            raise OSError(f"{call[0]} failed with error 5")
        self.calls.append(call)

    def create(self) -> int:
        self._note("create")
        return 7

    def set_limits(self, job: int, flags: int, priority: int, memory: int) -> None:
        self._note("limits", job, flags, priority, memory)

    def set_rate(self, job: int, rate: int) -> None:
        self._note("rate", job, rate)

    def assign(self, job: int, pid: int) -> None:
        self._note("assign", job, pid)

    def close(self, job: int) -> None:
        self._note("close", job)


def start() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1)


async def test_one_job_holds_all_services_and_is_changed_while_they_run() -> None:
    jobs = Jobs()
    made = WindowsJob(19, jobs)
    await made.hold(Together(cpu_cores=usable_cores() / 2, ram_bytes=1000), [])
    with made.launch("service", start) as process:
        await made.hold(Together(), [process.pid])
        process.kill()
    assert jobs.calls == [
        ("create",),
        ("limits", 7, KILL_ON_CLOSE | PRIORITY_CLASS | JOB_MEMORY, IDLE, 1000),
        ("rate", 7, WHOLE // 2),
        ("assign", 7, process.pid),
        ("limits", 7, KILL_ON_CLOSE | PRIORITY_CLASS, IDLE, 0),
        ("rate", 7, 0),
    ]
    ability = made.ability()
    assert (ability.cpu, ability.memory) == ("exact", "kept")
    await made.close()
    await made.close()
    assert jobs.calls[-1] == ("close", 7)
    assert jobs.calls.count(("close", 7)) == 1


async def test_little_niceness_is_little_and_none_is_none() -> None:
    for nice, flags, priority in ((5, KILL_ON_CLOSE | PRIORITY_CLASS, BELOW_NORMAL), (0, KILL_ON_CLOSE, 0)):
        jobs = Jobs()
        made = WindowsJob(nice, jobs)
        await made.hold(Together(), [])
        assert jobs.calls[1] == ("limits", 7, flags, priority, 0)
        assert bool(made.ability().priority_by) == bool(nice)


async def test_a_tiny_share_is_not_without_a_limit() -> None:
    jobs = Jobs()
    await WindowsJob(0, jobs).hold(Together(cpu_cores=1e-9), [])
    assert jobs.calls[-1] == ("rate", 7, 1)


@pytest.mark.parametrize("call", ["create", "limits", "assign"])
async def test_what_windows_refuses_is_not_told_to_be_kept(call: str) -> None:
    jobs = Jobs()
    jobs.refuses = {call}
    made = WindowsJob(19, jobs)
    await made.hold(Together(ram_bytes=5), [])
    with made.launch("service", start) as process:
        process.kill()
    ability = made.ability()
    assert (ability.cpu, ability.memory, ability.priority_by) == ("none", "watched", "")


async def test_without_a_rate_the_rest_holds() -> None:
    jobs = Jobs()
    jobs.refuses = {"rate"}
    made = WindowsJob(19, jobs)
    await made.hold(Together(cpu_cores=0.5), [])
    assert (made.ability().cpu, made.ability().memory) == ("none", "kept")
