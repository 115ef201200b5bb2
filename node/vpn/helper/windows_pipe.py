"""Named pipes of Windows, by way of ctypes: both ends, and who is at the other one. Imported on Windows only.

This file decides nothing: what is asked of it is in `pipe_transport` and `pipe_server`. Nobody has run it yet. All
calls block, with overlapped I/O below, since else a waiting read would hold up every write.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Callable
from ctypes import wintypes
from typing import Any

from node.vpn.helper_windows import CLIENT_RIGHTS, Client, is_ours

assert sys.platform == "win32"

BUFFER = 64 * 1024  # bytes in each direction
INSTANCES = 16
DUPLEX, OVERLAPPED_IO, FIRST_INSTANCE = 0x3, 0x40000000, 0x00080000
REJECT_REMOTE = 0x8  # with 0 for everything else: bytes, blocking
OPEN_EXISTING, IDENTIFY_ONLY = 3, 0x00100000 | 0x00010000  # SECURITY_SQOS_PRESENT, SECURITY_IDENTIFICATION
NOT_FOUND, BROKEN, SEM_TIMEOUT, BUSY, NO_DATA, NOT_CONNECTED = 2, 109, 121, 231, 232, 233
CONNECTED, ABORTED, PENDING = 535, 995, 997
GONE = frozenset({BROKEN, NO_DATA, NOT_CONNECTED, ABORTED})
INFINITE = 0xFFFFFFFF
TOKEN_QUERY, TOKEN_USER, TOKEN_GROUPS = 0x8, 1, 2
GROUP_ENABLED, DENY_ONLY = 0x4, 0x10
KERNEL_OBJECT, OWNER = 6, 1
TRIES, WAIT = 5, 2000  # how often, and how many milliseconds, a client waits for a busy pipe


class Overlapped(ctypes.Structure):
    """OVERLAPPED (minwinbase.h)."""

    _fields_ = (
        ("Internal", ctypes.c_void_p),
        ("InternalHigh", ctypes.c_void_p),
        ("Offset", wintypes.DWORD),
        ("OffsetHigh", wintypes.DWORD),
        ("hEvent", wintypes.HANDLE),
    )


class SecurityAttributes(ctypes.Structure):
    """SECURITY_ATTRIBUTES (minwinbase.h)."""

    _fields_ = (
        ("nLength", wintypes.DWORD),
        ("lpSecurityDescriptor", ctypes.c_void_p),
        ("bInheritHandle", wintypes.BOOL),
    )


class SidAndAttributes(ctypes.Structure):
    """SID_AND_ATTRIBUTES (winnt.h)."""

    _fields_ = (("Sid", ctypes.c_void_p), ("Attributes", wintypes.DWORD))


class TokenGroups(ctypes.Structure):
    """TOKEN_GROUPS (winnt.h); there are more groups than this declares."""

    _fields_ = (("GroupCount", wintypes.DWORD), ("Groups", SidAndAttributes * 1))


def _declare(dll: ctypes.WinDLL, name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    function = getattr(dll, name)
    function.restype, function.argtypes = result, arguments
    return function  # type: ignore[no-any-return]  # whatever a DLL has


_kernel = ctypes.WinDLL("kernel32", use_last_error=True)
_security = ctypes.WinDLL("advapi32", use_last_error=True)
_H, _D, _B, _P, _S = wintypes.HANDLE, wintypes.DWORD, wintypes.BOOL, ctypes.c_void_p, wintypes.LPCWSTR
_close_handle = _declare(_kernel, "CloseHandle", _B, _H)
_create_event = _declare(_kernel, "CreateEventW", _H, _P, _B, _B, _S)
_set_event = _declare(_kernel, "SetEvent", _B, _H)
_wait_for = _declare(_kernel, "WaitForMultipleObjects", _D, _D, _P, _B, _D)
_create_pipe = _declare(_kernel, "CreateNamedPipeW", _H, _S, _D, _D, _D, _D, _D, _D, _P)
_connect_pipe = _declare(_kernel, "ConnectNamedPipe", _B, _H, _P)
_disconnect_pipe = _declare(_kernel, "DisconnectNamedPipe", _B, _H)
_wait_pipe = _declare(_kernel, "WaitNamedPipeW", _B, _S, _D)
_create_file = _declare(_kernel, "CreateFileW", _H, _S, _D, _D, _P, _D, _D, _H)
_read_file = _declare(_kernel, "ReadFile", _B, _H, _P, _D, _P, _P)
_write_file = _declare(_kernel, "WriteFile", _B, _H, _P, _D, _P, _P)
_result_of = _declare(_kernel, "GetOverlappedResult", _B, _H, _P, _P, _B)
_cancel = _declare(_kernel, "CancelIoEx", _B, _H, _P)
_local_free = _declare(_kernel, "LocalFree", _P, _P)
_this_thread = _declare(_kernel, "GetCurrentThread", _H)
_impersonate = _declare(_security, "ImpersonateNamedPipeClient", _B, _H)
_revert = _declare(_security, "RevertToSelf", _B)
_open_token = _declare(_security, "OpenThreadToken", _B, _H, _D, _B, _P)
_token_facts = _declare(_security, "GetTokenInformation", _B, _H, ctypes.c_int, _P, _D, _P)
_sid_text = _declare(_security, "ConvertSidToStringSidW", _B, _P, _P)
_read_sddl = _declare(_security, "ConvertStringSecurityDescriptorToSecurityDescriptorW", _B, _S, _D, _P, _P)
_facts_of = _declare(_security, "GetSecurityInfo", _D, _H, ctypes.c_int, _D, _P, _P, _P, _P, _P)
INVALID = ctypes.c_void_p(-1).value


def _failed(code: int | None = None) -> OSError:
    return ctypes.WinError(ctypes.get_last_error() if code is None else code)


def _event() -> int:
    event = _create_event(None, True, False, None)
    if not event:
        raise _failed()
    return int(event)


class WindowsPipe:
    """One end of a connected pipe; its handle is closed when the last call has left it."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._stop = _event()
        self._lock = threading.Lock()
        self._calls = 0
        self._closed = threading.Event()

    def read(self, most: int) -> bytes:
        """Wait for some bytes; return none when the other end, or we, have closed."""
        buffer = ctypes.create_string_buffer(most)
        try:
            count = self._wait(lambda at: _read_file(self._handle, buffer, most, None, at))
        except OSError as error:
            if error.winerror in GONE:
                return b""
            raise
        return buffer.raw[:count]

    def write(self, data: bytes) -> None:
        """Write all of it; raise OSError."""
        while data:
            data = data[self._write_some(data[:BUFFER]) :]

    def _write_some(self, data: bytes) -> int:
        return self._wait(lambda at: _write_file(self._handle, data, len(data), None, at))

    def connect(self) -> bool:
        """Wait for a client; return False when it has gone already, or we have closed."""
        try:
            self._wait(lambda at: _connect_pipe(self._handle, at))
        except OSError as error:
            if error.winerror == NO_DATA:
                _disconnect_pipe(self._handle)
            if error.winerror in GONE:
                return False
            if error.winerror != CONNECTED:
                raise
        return True

    def client(self) -> Client:
        """Say who is at the other end; this thread has read from it, and is itself again afterwards."""
        if not _impersonate(self._handle):
            raise _failed()
        token = wintypes.HANDLE()
        opened = _open_token(_this_thread(), TOKEN_QUERY, True, ctypes.byref(token))
        why = ctypes.get_last_error()
        if not _revert():
            os._exit(70)  # going on in somebody else's name would be worse
        if not opened:
            raise _failed(why)
        try:
            return _client_of(token)
        finally:
            _close_handle(token)

    def owner(self) -> str:
        """Return the identifier of the pipe's owner."""
        sid, descriptor = ctypes.c_void_p(), ctypes.c_void_p()
        code = _facts_of(
            self._handle, KERNEL_OBJECT, OWNER, ctypes.byref(sid), None, None, None, ctypes.byref(descriptor)
        )
        if code:
            raise _failed(code)
        try:
            return _text_of(sid)
        finally:
            _local_free(descriptor)

    def close(self) -> None:
        with self._lock:
            if self._closed.is_set():
                return
            self._closed.set()
            _set_event(self._stop)
            if self._calls == 0:
                self._free()

    def _free(self) -> None:
        _close_handle(self._handle)
        _close_handle(self._stop)

    def _wait(self, begin: Callable[[Any], Any]) -> int:
        """Begin something overlapped, and wait for it or for `close`; return how many bytes went."""
        with self._lock:
            if self._closed.is_set():
                raise _failed(ABORTED)
            self._calls += 1
        try:
            return _overlapped(self._handle, self._stop, begin)
        finally:
            with self._lock:
                self._calls -= 1
                if self._closed.is_set() and self._calls == 0:
                    self._free()


def _overlapped(handle: int, stop: int, begin: Callable[[Any], Any]) -> int:
    event = _event()
    try:
        state, count = Overlapped(hEvent=event), wintypes.DWORD()
        if not begin(ctypes.byref(state)):
            code = ctypes.get_last_error()
            if code != PENDING:
                raise _failed(code)
            if _wait_for(2, (wintypes.HANDLE * 2)(event, stop), False, INFINITE) != 0:
                _cancel(handle, ctypes.byref(state))
        # Waits: until then the system writes into what we hold here.
        if not _result_of(handle, ctypes.byref(state), ctypes.byref(count), True):
            raise _failed()
        return count.value
    finally:
        _close_handle(event)


class WindowsListener:
    """Where clients connect (`PipeListener`); the name is taken, or OSError raised, when this is made."""

    def __init__(self, name: str, descriptor: str) -> None:
        self._name = name
        self._descriptor = ctypes.c_void_p()
        if not _read_sddl(descriptor, 1, ctypes.byref(self._descriptor), None):
            raise _failed()
        self._closed = threading.Event()
        self._next: WindowsPipe | None = self._create(FIRST_INSTANCE)

    def accept(self) -> WindowsPipe | None:
        """Wait for the next client; there is always a further end, so that the name is never free."""
        while not self._closed.is_set():
            pipe = self._next = self._next or self._create(0)
            if pipe.connect():
                self._next = None  # as it stays where the next line fails
                self._next = self._create(0)
                return pipe
        return None

    def close(self) -> None:
        self._closed.set()
        if self._next is not None:
            self._next.close()

    def _create(self, flags: int) -> WindowsPipe:
        attributes = SecurityAttributes(ctypes.sizeof(SecurityAttributes), self._descriptor, False)
        handle = _create_pipe(
            self._name,
            DUPLEX | OVERLAPPED_IO | flags,
            REJECT_REMOTE,
            INSTANCES,
            BUFFER,
            BUFFER,
            0,
            ctypes.byref(attributes),
        )
        if handle == INVALID:
            raise _failed()
        return WindowsPipe(handle)


def open_pipe(name: str) -> WindowsPipe:
    """Connect to the helper; raise OSError, also for a program that has taken its name."""
    for _ in range(TRIES):
        handle = _create_file(name, CLIENT_RIGHTS, 0, None, OPEN_EXISTING, OVERLAPPED_IO | IDENTIFY_ONLY, None)
        if handle != INVALID:
            break
        if ctypes.get_last_error() != BUSY:
            raise _failed()
        _wait_pipe(name, WAIT)
    else:
        raise _failed(BUSY)
    pipe = WindowsPipe(handle)
    try:
        owner = pipe.owner()
        if not is_ours(owner):
            raise PermissionError(f"another program, of the user {owner}, has taken the helper's place")
    except BaseException:
        pipe.close()
        raise
    return pipe


def pipe_is_there(name: str) -> bool:
    """Say whether anybody listens at a pipe, without connecting."""
    return bool(_wait_pipe(name, 1)) or ctypes.get_last_error() == SEM_TIMEOUT


def is_administrator() -> bool:
    """Say whether this program has an administrator's rights switched on."""
    return bool(ctypes.WinDLL("shell32").IsUserAnAdmin())


def _client_of(token: wintypes.HANDLE) -> Client:
    user = SidAndAttributes.from_buffer(_facts(token, TOKEN_USER))
    data = _facts(token, TOKEN_GROUPS)
    count = TokenGroups.from_buffer(data).GroupCount
    groups = (SidAndAttributes * count).from_buffer(data, TokenGroups.Groups.offset)
    counting = (one for one in groups if one.Attributes & GROUP_ENABLED and not one.Attributes & DENY_ONLY)
    return Client(_text_of(user.Sid), frozenset(_text_of(one.Sid) for one in counting))


def _facts(token: wintypes.HANDLE, kind: int) -> ctypes.Array[ctypes.c_char]:
    needed = wintypes.DWORD()
    _token_facts(token, kind, None, 0, ctypes.byref(needed))
    data = ctypes.create_string_buffer(needed.value)
    if not _token_facts(token, kind, data, needed, ctypes.byref(needed)):
        raise _failed()
    return data


def _text_of(sid: Any) -> str:
    text = wintypes.LPWSTR()
    if not _sid_text(sid, ctypes.byref(text)):
        raise _failed()
    try:
        return text.value or ""
    finally:
        _local_free(ctypes.cast(text, ctypes.c_void_p))
