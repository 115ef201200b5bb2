"""The kernel's calls for job objects, with their structures as Windows has them; calls only, no decision."""

from __future__ import annotations

import ctypes
from typing import Any

EXTENDED_LIMITS, CPU_RATE = 9, 15  # classes of information
RATE_ENABLED, RATE_HARD = 0x1, 0x4
SET_QUOTA, TERMINATE = 0x100, 0x1  # rights to a process that is put in a job


class BasicLimits(ctypes.Structure):
    """JOBOBJECT_BASIC_LIMIT_INFORMATION."""

    _fields_ = (
        ("per_process_time", ctypes.c_int64),
        ("per_job_time", ctypes.c_int64),
        ("flags", ctypes.c_uint32),
        ("minimum_working_set", ctypes.c_size_t),
        ("maximum_working_set", ctypes.c_size_t),
        ("active_processes", ctypes.c_uint32),
        ("affinity", ctypes.c_size_t),
        ("priority_class", ctypes.c_uint32),
        ("scheduling_class", ctypes.c_uint32),
    )


class ExtendedLimits(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION, with its six counters of I/O as an array."""

    _fields_ = (
        ("basic", BasicLimits),
        ("io", ctypes.c_uint64 * 6),
        ("process_memory", ctypes.c_size_t),
        ("job_memory", ctypes.c_size_t),
        ("peak_process_memory", ctypes.c_size_t),
        ("peak_job_memory", ctypes.c_size_t),
    )


class CpuRate(ctypes.Structure):
    """JOBOBJECT_CPU_RATE_CONTROL_INFORMATION."""

    _fields_ = (("flags", ctypes.c_uint32), ("rate", ctypes.c_uint32))


class KernelJobs:
    """Calls kernel32; a test gives another library of the same functions."""

    def __init__(self, library: Any = None) -> None:
        self._kernel = library if library is not None else _kernel32()

    def create(self) -> int:
        job = self._kernel.CreateJobObjectW(None, None)
        if not job:
            raise self._error("CreateJobObject")
        return int(job)

    def set_limits(self, job: int, flags: int, priority: int, memory: int) -> None:
        limits = ExtendedLimits()
        limits.basic.flags, limits.basic.priority_class, limits.job_memory = flags, priority, memory
        self._set(job, EXTENDED_LIMITS, limits)

    def set_rate(self, job: int, rate: int) -> None:
        self._set(job, CPU_RATE, CpuRate(RATE_ENABLED | RATE_HARD if rate else 0, rate))

    def assign(self, job: int, pid: int) -> None:
        process = self._kernel.OpenProcess(SET_QUOTA | TERMINATE, 0, pid)
        if not process:
            raise self._error("OpenProcess")
        try:
            if not self._kernel.AssignProcessToJobObject(job, process):
                raise self._error("AssignProcessToJobObject")
        finally:
            self._kernel.CloseHandle(process)

    def close(self, job: int) -> None:
        self._kernel.CloseHandle(job)

    def _set(self, job: int, kind: int, value: ctypes.Structure) -> None:
        if not self._kernel.SetInformationJobObject(job, kind, ctypes.byref(value), ctypes.sizeof(value)):
            raise self._error("SetInformationJobObject")

    def _error(self, call: str) -> OSError:
        return OSError(f"{call} failed with error {self._kernel.GetLastError()}")


def _kernel32() -> Any:
    loader: Any = ctypes
    kernel = loader.windll.kernel32
    kernel.CreateJobObjectW.restype = ctypes.c_void_p  # else a handle is cut to 32 bits
    kernel.OpenProcess.restype = ctypes.c_void_p
    kernel.SetInformationJobObject.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_uint32)
    kernel.AssignProcessToJobObject.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
    kernel.CloseHandle.argtypes = (ctypes.c_void_p,)
    return kernel
