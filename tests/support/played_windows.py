"""The calls of Windows that our thin files make, played on sockets and threads, so that those files run anywhere.

It shows that they say what they mean, with structures of the right size, and let go of what they hold. Whether
Windows does what is played here, only a Windows can show.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import select
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from ctypes import wintypes
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
INVALID = ctypes.c_void_p(-1).value
ACCESS_DENIED, NOT_FOUND, BROKEN, SEM_TIMEOUT, BUSY, CONNECTED, ABORTED, PENDING = (
    5,
    2,
    109,
    121,
    231,
    535,
    995,
    997,
)
OWNER, USER = "S-1-5-18", "S-1-5-21-1-2-3-1001"


@dataclass
class Instance:
    """One end of a pipe: a server's before somebody has come, or either one's afterwards."""

    name: str
    end: socket.socket | None = None
    came: threading.Event = field(default_factory=threading.Event)


@dataclass
class Operation:
    """Something overlapped."""

    done: threading.Event
    cancelled: threading.Event = field(default_factory=threading.Event)
    count: int = 0
    error: int = 0


class PlayedWindows:
    """Has the functions of all DLLs; an integer is returned for a handle, and 0 or INVALID with an error."""

    def __init__(self) -> None:
        self.handles: dict[int, Any] = {}
        self.operations: dict[int, Operation] = {}
        self.texts: dict[int, str] = {}
        self.error = 0
        self.owner = OWNER
        self.groups = (("S-1-5-4", 0x4), ("S-1-5-32-544", 0x10), ("S-1-1-0", 0x0))
        self.impersonating = False
        self.job: Any = None
        self.lock = threading.Lock()

    def add(self, thing: Any) -> int:
        with self.lock:
            handle = 100 + len(self.texts) + max(self.handles, default=0)
            self.handles[handle] = thing
            return handle

    def fail(self, error: int, result: int | None = 0) -> int | None:
        self.error = error
        return result

    # --- events and overlapped things -----------------------------------------------------------------------------

    def CreateEventW(self, *_: Any) -> int:
        return self.add(threading.Event())

    def SetEvent(self, handle: int) -> int:
        self.handles[handle].set()
        return 1

    def CloseHandle(self, handle: Any) -> int:
        thing = self.handles.pop(getattr(handle, "value", handle))
        if isinstance(thing, Instance) and thing.end is not None:
            thing.end.close()
        return 1

    def WaitForMultipleObjects(self, count: int, handles: Any, _all: bool, _limit: int) -> int:
        while True:
            for number in range(count):
                if self.handles[handles[number]].wait(0.005):
                    return number

    def begin(self, overlapped: Any, do: Callable[[Operation], None]) -> int | None:
        state = overlapped._obj
        operation = Operation(self.handles[state.hEvent])
        self.operations[ctypes.addressof(state)] = operation

        def run() -> None:
            do(operation)
            operation.done.set()

        threading.Thread(target=run, daemon=True).start()
        return self.fail(PENDING)

    def GetOverlappedResult(self, _handle: int, overlapped: Any, count: Any, wait: bool) -> int | None:
        assert wait, "what is under way writes into the caller's memory"
        operation = self.operations.pop(ctypes.addressof(overlapped._obj))
        operation.done.wait()
        count._obj.value = operation.count
        return self.fail(operation.error) if operation.error else 1

    def CancelIoEx(self, _handle: int, overlapped: Any) -> int:
        self.operations[ctypes.addressof(overlapped._obj)].cancelled.set()
        return 1

    # --- pipes ----------------------------------------------------------------------------------------------------

    def of(self, name: str) -> list[Instance]:
        return [thing for thing in self.handles.values() if isinstance(thing, Instance) and thing.name == name]

    def CreateNamedPipeW(self, name: str, flags: int, mode: int, *_: Any) -> int | None:
        assert flags & 0x40000003 == 0x40000003, "duplex and overlapped"
        assert mode == 0x8, "remote clients are refused"
        if flags & 0x00080000 and self.of(name):
            return self.fail(ACCESS_DENIED, INVALID)
        return self.add(Instance(name))

    def ConnectNamedPipe(self, handle: int, overlapped: Any) -> int | None:
        instance = self.handles[handle]
        if instance.came.is_set():
            return self.fail(CONNECTED)

        def wait(operation: Operation) -> None:
            while not instance.came.wait(0.005):
                if operation.cancelled.is_set():
                    operation.error = ABORTED
                    return

        return self.begin(overlapped, wait)

    def CreateFileW(self, name: str, rights: int, *rest: Any) -> int | None:
        assert rights == 0x12008B, "no more than the access list gives"
        assert rest[3] == 0x40000000 | 0x110000, "the server may identify us and no more"
        if not self.of(name):
            return self.fail(NOT_FOUND, INVALID)
        free = [one for one in self.of(name) if not one.came.is_set()]
        if not free:
            return self.fail(BUSY, INVALID)
        free[0].end, ours = socket.socketpair()
        free[0].came.set()
        return self.add(Instance("", ours))

    def WaitNamedPipeW(self, name: str, _limit: int) -> int | None:
        if any(not one.came.is_set() for one in self.of(name)):
            return 1
        return self.fail(SEM_TIMEOUT if self.of(name) else NOT_FOUND)

    def DisconnectNamedPipe(self, _handle: int) -> int:
        return 1

    def ReadFile(self, handle: int, buffer: Any, most: int, _count: None, overlapped: Any) -> int | None:
        end = self.handles[handle].end

        def read(operation: Operation) -> None:
            while not select.select([end], [], [], 0.005)[0]:
                if operation.cancelled.is_set():
                    operation.error = ABORTED
                    return
            data = end.recv(most)
            ctypes.memmove(buffer, data, len(data))
            operation.count, operation.error = len(data), 0 if data else BROKEN

        return self.begin(overlapped, read)

    def WriteFile(self, handle: int, data: bytes, most: int, _count: None, overlapped: Any) -> int | None:
        end = self.handles[handle].end

        def write(operation: Operation) -> None:
            while not select.select([], [end], [], 0.005)[1]:
                if operation.cancelled.is_set():
                    operation.error = ABORTED
                    return
            try:
                operation.count = end.send(data[: min(most, 5000)])  # not always all
            except OSError:
                operation.error = BROKEN

        return self.begin(overlapped, write)

    # --- who it is ------------------------------------------------------------------------------------------------

    def text(self, sid: str) -> int:
        self.texts[len(self.texts) + 1] = sid
        return len(self.texts)

    def ImpersonateNamedPipeClient(self, _handle: int) -> int:
        self.impersonating = True
        return 1

    def RevertToSelf(self) -> int:
        self.impersonating = False
        return 1

    def GetCurrentThread(self) -> int:
        return 1

    def OpenThreadToken(self, _thread: int, access: int, as_self: bool, token: Any) -> int:
        assert (access, as_self, self.impersonating) == (0x8, True, True)
        token._obj.value = self.add("token")
        return 1

    def GetTokenInformation(self, _token: Any, kind: int, data: Any, size: Any, needed: Any) -> int | None:
        assert not self.impersonating, "only what must be is done in somebody else's name"
        number = ctypes.sizeof(ctypes.c_void_p)
        entries = ((USER, 0),) if kind == 1 else self.groups
        parts = b"" if kind == 1 else len(entries).to_bytes(number, "little")
        for sid, attributes in entries:
            parts += self.text(sid).to_bytes(number, "little") + attributes.to_bytes(number, "little")
        needed._obj.value = len(parts)
        if data is None:
            return self.fail(122)
        ctypes.memmove(data, parts, len(parts))
        return 1

    def ConvertSidToStringSidW(self, sid: Any, text: Any) -> int:
        text._obj.value = self.texts[getattr(sid, "value", sid)]
        return 1

    def ConvertStringSecurityDescriptorToSecurityDescriptorW(self, text: str, *_: Any) -> int | None:
        return 1 if text.startswith("O:SYG:SYD:P") else self.fail(1336)

    def GetSecurityInfo(self, _handle: int, kind: int, what: int, owner: Any, *_: Any) -> int:
        assert (kind, what) == (6, 1)
        owner._obj.value = self.text(self.owner)
        return 0

    def LocalFree(self, _memory: Any) -> None:
        return None

    def IsUserAnAdmin(self) -> int:
        return 0

    # --- services and jobs ----------------------------------------------------------------------------------------

    def StartServiceCtrlDispatcherW(self, table: Any) -> int | None:
        assert (table[0].lpServiceName, table[1].lpServiceName) == ("RmaMeshVpn", None)
        thread = threading.Thread(target=lambda: table[0].lpServiceProc(0, None))
        thread.start()
        thread.join()
        return 1

    def RegisterServiceCtrlHandlerExW(self, name: str, handler: Any, _context: None) -> int:
        assert name == "RmaMeshVpn"
        self.control = handler
        return self.add([])

    def SetServiceStatus(self, handle: int, status: Any) -> int:
        told = status._obj
        self.handles[handle].append((told.dwServiceType, told.dwCurrentState, told.dwWin32ExitCode))
        return 1

    def CreateJobObjectW(self, *_: None) -> int:
        return self.add("job")

    def SetInformationJobObject(self, _job: int, kind: int, limits: Any, size: int) -> int:
        self.job = (kind, limits._obj.LimitFlags, size)
        return 1

    def AssignProcessToJobObject(self, _job: int, _process: int) -> int:
        return 1

    def GetCurrentProcess(self) -> int:
        return 1


class _Function:
    """A function of a DLL, with the declarations that ctypes would take."""

    def __init__(self, do: Callable[..., Any]) -> None:
        self.do = do
        self.restype: Any = None
        self.argtypes: tuple[Any, ...] | None = None

    def __call__(self, *arguments: Any) -> Any:
        assert self.argtypes is None or len(arguments) == len(self.argtypes), (self.do.__name__, arguments)
        return self.do(*arguments)


@contextlib.contextmanager
def played_windows(monkeypatch: pytest.MonkeyPatch) -> Iterator[PlayedWindows]:
    """Be Windows for whoever is loaded meanwhile."""
    windows = PlayedWindows()

    class Dll:
        def __init__(self, *_: str, **__: bool) -> None: ...

        def __getattr__(self, name: str) -> _Function:
            return _Function(getattr(windows, name))

    def error(code: int) -> OSError:
        made = OSError(code, f"Windows' error {code}")
        vars(made)["winerror"] = code  # as it has it there
        return made

    with monkeypatch.context() as patch:
        patch.setattr(sys, "platform", "win32")
        patch.setattr(ctypes, "WinDLL", Dll, raising=False)
        patch.setattr(ctypes, "WinError", error, raising=False)
        patch.setattr(ctypes, "get_last_error", lambda: windows.error, raising=False)
        patch.setattr(ctypes, "WINFUNCTYPE", ctypes.CFUNCTYPE, raising=False)
        patch.setattr(wintypes, "DWORD", ctypes.c_uint32)  # a long has 4 bytes there
        patch.setattr(wintypes, "BOOL", ctypes.c_int32)
        yield windows


def load(path: str) -> ModuleType:
    """Load a file of ours that is for Windows, anew and under another name."""
    spec = importlib.util.spec_from_file_location(f"played_{Path(path).stem}", ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
