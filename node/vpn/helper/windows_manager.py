"""The service manager of Windows, and a job in which children end with us, by way of ctypes. Imported there only.

This file decides nothing: the life of the service is in `service`. Nobody has run it yet.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from ctypes import wintypes
from typing import Any

from node.vpn.helper.service import Status

assert sys.platform == "win32"

OWN_PROCESS = 0x10
EXTENDED_LIMITS, KILL_ON_CLOSE = 9, 0x2000

_kernel = ctypes.WinDLL("kernel32", use_last_error=True)
_services = ctypes.WinDLL("advapi32", use_last_error=True)
_Main = ctypes.WINFUNCTYPE(None, wintypes.DWORD, ctypes.c_void_p)
_Handler = ctypes.WINFUNCTYPE(wintypes.DWORD, wintypes.DWORD, wintypes.DWORD, ctypes.c_void_p, ctypes.c_void_p)


class ServiceStatus(ctypes.Structure):
    """SERVICE_STATUS (winsvc.h)."""

    _fields_ = (
        ("dwServiceType", wintypes.DWORD),
        ("dwCurrentState", wintypes.DWORD),
        ("dwControlsAccepted", wintypes.DWORD),
        ("dwWin32ExitCode", wintypes.DWORD),
        ("dwServiceSpecificExitCode", wintypes.DWORD),
        ("dwCheckPoint", wintypes.DWORD),
        ("dwWaitHint", wintypes.DWORD),
    )


class TableEntry(ctypes.Structure):
    """SERVICE_TABLE_ENTRYW (winsvc.h)."""

    _fields_ = (("lpServiceName", wintypes.LPWSTR), ("lpServiceProc", _Main))


class JobLimits(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION (winnt.h); the counters in it are six numbers."""

    _fields_ = (
        ("PerProcessUserTimeLimit", wintypes.LARGE_INTEGER),
        ("PerJobUserTimeLimit", wintypes.LARGE_INTEGER),
        ("LimitFlags", wintypes.DWORD),
        ("MinimumWorkingSetSize", ctypes.c_size_t),
        ("MaximumWorkingSetSize", ctypes.c_size_t),
        ("ActiveProcessLimit", wintypes.DWORD),
        ("Affinity", ctypes.c_size_t),
        ("PriorityClass", wintypes.DWORD),
        ("SchedulingClass", wintypes.DWORD),
        ("IoInfo", ctypes.c_ulonglong * 6),
        ("ProcessMemoryLimit", ctypes.c_size_t),
        ("JobMemoryLimit", ctypes.c_size_t),
        ("PeakProcessMemoryUsed", ctypes.c_size_t),
        ("PeakJobMemoryUsed", ctypes.c_size_t),
    )


def _declare(dll: ctypes.WinDLL, name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    function = getattr(dll, name)
    function.restype, function.argtypes = result, arguments
    return function  # type: ignore[no-any-return]  # whatever a DLL has


_dispatch = _declare(_services, "StartServiceCtrlDispatcherW", wintypes.BOOL, ctypes.c_void_p)
_register = _declare(
    _services, "RegisterServiceCtrlHandlerExW", ctypes.c_void_p, wintypes.LPCWSTR, _Handler, ctypes.c_void_p
)
_set_status = _declare(_services, "SetServiceStatus", wintypes.BOOL, ctypes.c_void_p, ctypes.c_void_p)
_create_job = _declare(_kernel, "CreateJobObjectW", wintypes.HANDLE, ctypes.c_void_p, wintypes.LPCWSTR)
_limit_job = _declare(
    _kernel,
    "SetInformationJobObject",
    wintypes.BOOL,
    wintypes.HANDLE,
    ctypes.c_int,
    ctypes.c_void_p,
    wintypes.DWORD,
)
_put_into_job = _declare(_kernel, "AssignProcessToJobObject", wintypes.BOOL, wintypes.HANDLE, wintypes.HANDLE)
_this_process = _declare(_kernel, "GetCurrentProcess", wintypes.HANDLE)


def _failed() -> OSError:
    return ctypes.WinError(ctypes.get_last_error())


class WindowsManager:
    """Speaks with the service manager for one service (`Manager`)."""

    def __init__(self) -> None:
        self._handle: int | None = None
        self._handler: Any = None  # as long as the system may call it

    def register(self, name: str, on_control: Callable[[int], int]) -> None:
        """Have controls come to a function; raise OSError."""

        def handle(control: int, _event: int, _data: int | None, _context: int | None) -> int:
            return on_control(control)

        self._handler = _Handler(handle)
        self._handle = _register(name, self._handler, None)
        if not self._handle:
            raise _failed()

    def report(self, status: Status) -> None:
        told = ServiceStatus(
            OWN_PROCESS, status.state, status.accepts, status.error, status.own_error, 0, status.wait_hint
        )
        _set_status(self._handle, ctypes.byref(told))


def run_service(name: str, main: Callable[[], None]) -> None:
    """Give this thread to the service manager, which has another one run `main`; return when it has ended.

    Raise OSError where nobody started us as a service.
    """

    def begin(_count: int, _arguments: int | None) -> None:
        main()

    entry = _Main(begin)
    table = (TableEntry * 2)(TableEntry(name, entry), TableEntry(None, _Main()))
    if not _dispatch(table):
        raise _failed()


def end_children_with_us() -> None:
    """Have the system end whatever we start when we end, however that happens; raise OSError."""
    job = _create_job(None, None)
    limits = JobLimits(LimitFlags=KILL_ON_CLOSE)
    if (
        not job
        or not _limit_job(job, EXTENDED_LIMITS, ctypes.byref(limits), ctypes.sizeof(limits))
        or not _put_into_job(job, _this_process())
    ):
        raise _failed()
