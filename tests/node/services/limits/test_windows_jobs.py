"""The structures for Windows have its sizes, and each call says what Windows expects."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest

from node.services.limits.windows_jobs import BasicLimits, CpuRate, ExtendedLimits, KernelJobs


class Kernel:
    """Stands in for kernel32: keeps what it is given, and refuses what it is told to."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.refuses = ""

    def _done(self, name: str, *words: Any) -> int:
        self.calls.append((name, *words))
        return 0 if name == self.refuses else 40 + len(self.calls)

    def CreateJobObjectW(self, security: None, name: None) -> int:
        return self._done("CreateJobObjectW", security, name)

    def OpenProcess(self, rights: int, inherit: int, pid: int) -> int:
        return self._done("OpenProcess", rights, inherit, pid)

    def AssignProcessToJobObject(self, job: int, process: int) -> int:
        return self._done("AssignProcessToJobObject", job, process)

    def SetInformationJobObject(self, job: int, kind: int, value: Any, size: int) -> int:
        return self._done("SetInformationJobObject", job, kind, bytes(value._obj), size)

    def CloseHandle(self, handle: int) -> int:
        return self._done("CloseHandle", handle)

    def GetLastError(self) -> int:
        return 5


@pytest.mark.skipif(ctypes.sizeof(ctypes.c_void_p) != 8, reason="sizes of 64 bits")
def test_the_structures_are_as_large_as_those_of_windows() -> None:
    assert ctypes.sizeof(BasicLimits) == 64
    assert ctypes.sizeof(ExtendedLimits) == 144
    assert ctypes.sizeof(CpuRate) == 8
    assert BasicLimits.flags.offset == 16
    assert BasicLimits.priority_class.offset == 56
    assert ExtendedLimits.job_memory.offset == 120


def test_each_call_is_made_as_windows_expects_it() -> None:
    kernel = Kernel()
    jobs = KernelJobs(kernel)
    job = jobs.create()
    jobs.set_limits(job, 0x2220, 0x40, 1000)
    jobs.set_rate(job, 5000)
    jobs.set_rate(job, 0)
    jobs.assign(job, 1234)
    jobs.close(job)
    _, limits, rate, none, opened, assigned, let_go, closed = kernel.calls
    assert limits[:3] == ("SetInformationJobObject", job, 9)
    told = ExtendedLimits.from_buffer_copy(limits[3])
    assert (told.basic.flags, told.basic.priority_class, told.job_memory) == (0x2220, 0x40, 1000)
    assert limits[4] == len(limits[3])
    assert rate == ("SetInformationJobObject", job, 15, bytes(CpuRate(5, 5000)), 8)
    assert none[3] == bytes(8)
    assert opened == ("OpenProcess", 0x101, 0, 1234)
    assert assigned[:2] == ("AssignProcessToJobObject", job)
    assert let_go == ("CloseHandle", assigned[2])
    assert closed == ("CloseHandle", job)


@pytest.mark.parametrize(
    "call", ["CreateJobObjectW", "SetInformationJobObject", "OpenProcess", "AssignProcessToJobObject"]
)
def test_a_refusal_is_an_os_error_and_no_handle_stays_open(call: str) -> None:
    kernel = Kernel()
    kernel.refuses = call
    jobs = KernelJobs(kernel)

    def everything() -> None:
        job = jobs.create()
        jobs.set_rate(job, 1)
        jobs.assign(job, 1)

    with pytest.raises(OSError, match="failed with error 5"):
        everything()
    opened = [one for one in kernel.calls if one[0] == "OpenProcess" and call != "OpenProcess"]
    assert len([one for one in kernel.calls if one[0] == "CloseHandle"]) == len(opened)
