"""Which way Linux keeps limits: systemd's groups, our own, or whole cores; and what happens when one fails."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest

from node.services.limits.cgroup import ControlGroup
from node.services.limits.linux import LinuxPriority
from node.services.limits.linux_groups import LinuxGroups
from node.services.limits.plan import Together
from node.services.limits.systemd import SystemdSlice

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(sys.platform != "linux", reason="Linux's own means"),
]
ONE = Together(cpu_cores=0.5, whole_cores=1)
ALL = frozenset(os.sched_getaffinity(0))


class Group:
    """Stands in for a control group."""

    def __init__(self) -> None:
        self.entered: dict[str, int] = {}
        self.held: list[Together] = []
        self.fails: OSError | None = None
        self.removed = 0

    def hold(self, together: Together) -> None:
        self.held.append(together)

    def enter(self, name: str, pid: int) -> None:
        if self.fails is not None:
            raise self.fails
        self.entered[name] = pid

    def ended(self, name: str) -> str:
        return f"{name} was too large."

    def remove(self) -> None:
        self.removed += 1


class Slice:
    """Stands in for systemd."""

    def __init__(self, *, works: bool, keeps: bool) -> None:
        self.works = works
        self.keeps = keeps
        self.adopted: list[int] = []
        self.closed = 0

    @property
    def keeps_cpu(self) -> bool:
        return self.keeps and bool(self.adopted)

    keeps_memory = keeps_cpu

    async def hold(self, _together: Together) -> bool:
        return self.works

    async def adopt(self, _name: str, pid: int) -> bool:
        self.adopted.append(pid)
        return True

    async def close(self) -> None:
        self.closed += 1


def limits(group: Group | None, systemd: Slice | None = None) -> LinuxGroups:
    return LinuxGroups(
        LinuxPriority(0),
        make_group=lambda: cast("ControlGroup | None", group),
        systemd=cast("SystemdSlice | None", systemd),
    )


@contextmanager
def launched(made: LinuxGroups) -> Iterator[subprocess.Popen[bytes]]:
    process: subprocess.Popen[Any] = made.launch(
        "service",
        lambda: subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1, start_new_session=True),
    )
    with process:
        yield process
        process.kill()


async def test_a_group_of_our_own_keeps_limits_exactly_and_so_no_cores_are_taken() -> None:
    group = Group()
    made = limits(group)
    assert made.ability().cpu == "cores"
    await made.hold(ONE, [])
    assert made.ability().cpu == "exact"
    assert made.ability().memory == "kept"
    with launched(made) as process:
        await made.adopt("service", process.pid)
        assert group.entered == {"service": process.pid}
        assert frozenset(os.sched_getaffinity(process.pid)) == ALL
    assert made.ended("service") == "service was too large."
    await made.hold(Together(), [])
    assert group.held == [ONE, Together()]
    await made.close()
    assert group.removed == 1


async def test_without_any_group_there_are_whole_cores() -> None:
    systemd = Slice(works=False, keeps=False)
    made = limits(None, systemd)
    await made.hold(ONE, [])
    assert made.ability().cpu == "cores"
    assert systemd.closed == 1
    with launched(made) as process:
        await made.adopt("service", process.pid)
        assert len(os.sched_getaffinity(process.pid)) == 1
    assert made.ended("service") == ""
    await made.close()


async def test_systemd_counts_once_the_kernel_has_the_limit_and_then_all_cores_are_free_again() -> None:
    systemd = Slice(works=True, keeps=True)
    made = limits(Group(), systemd)
    await made.hold(ONE, [])
    with launched(made) as process:
        assert len(os.sched_getaffinity(process.pid)) == 1  # until it is known
        await made.adopt("service", process.pid)
        assert made.ability().cpu_by == "systemd"
        assert made.ability().memory == "kept"
        assert frozenset(os.sched_getaffinity(process.pid)) == ALL
    await made.close()
    assert systemd.closed == 1


async def test_systemd_that_keeps_nothing_leaves_whole_cores() -> None:
    made = limits(None, Slice(works=True, keeps=False))
    await made.hold(ONE, [])
    with launched(made) as process:
        await made.adopt("service", process.pid)
        assert made.ability().cpu == "cores"
        assert made.ability().memory == "watched"
        assert len(os.sched_getaffinity(process.pid)) == 1
    await made.close()


async def test_a_group_that_takes_nobody_is_given_up_but_not_for_one_that_has_ended() -> None:
    group = Group()
    made = limits(group)
    await made.hold(ONE, [])
    group.fails = ProcessLookupError()
    with launched(made):
        assert made.ability().cpu == "exact"
    group.fails = PermissionError()
    with launched(made) as process:
        assert made.ability().cpu == "cores"
        await made.adopt("service", process.pid)
        assert len(os.sched_getaffinity(process.pid)) == 1
    await made.close()
    assert group.removed == 1
