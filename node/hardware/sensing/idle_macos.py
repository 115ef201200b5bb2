"""How long nobody used this Mac: HIDIdleTime of IOHIDSystem, in nanoseconds. Nobody has run it on one yet.

Source: Apple, IOKit (IORegistryEntryCreateCFProperty) and CoreFoundation (CFNumberGetValue).
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Any

from node.hardware.sensing.told import Unknown

UTF8, SIGNED_64 = 0x08000100, 4  # kCFStringEncodingUTF8, kCFNumberSInt64Type
SILENT = Unknown("macOS does not tell when this computer was used last")
FRAMEWORKS = "/System/Library/Frameworks/{0}.framework/{0}"


def idle_seconds(iokit: Any = None, foundation: Any = None) -> float | Unknown:
    """Return seconds since keyboard or mouse were used last; the libraries are given by tests."""
    libraries = (iokit, foundation) if iokit else _libraries()
    nanoseconds = _hid_idle_time(*libraries)
    return SILENT if nanoseconds is None else nanoseconds / 1e9


def _hid_idle_time(iokit: Any, foundation: Any) -> int | None:
    wanted = iokit.IOServiceMatching(b"IOHIDSystem")  # a dictionary, which the next call uses up
    service = iokit.IOServiceGetMatchingService(0, wanted)
    if not service:
        return None
    key = foundation.CFStringCreateWithCString(None, b"HIDIdleTime", UTF8)
    try:
        number = iokit.IORegistryEntryCreateCFProperty(service, key, None, 0)
        if not number:
            return None
        value = ctypes.c_longlong(0)
        told = foundation.CFNumberGetValue(number, SIGNED_64, ctypes.byref(value))
        foundation.CFRelease(number)
        return value.value if told else None
    finally:
        foundation.CFRelease(key)
        iokit.IOObjectRelease(service)


@functools.cache
def _libraries() -> tuple[Any, Any]:
    """Load both frameworks and say what their functions take: pointers have 64 bits."""
    pointer, number = ctypes.c_void_p, ctypes.c_uint
    iokit = ctypes.CDLL(FRAMEWORKS.format("IOKit"))
    foundation = ctypes.CDLL(FRAMEWORKS.format("CoreFoundation"))
    _declare(iokit.IOServiceMatching, pointer, ctypes.c_char_p)
    _declare(iokit.IOServiceGetMatchingService, number, number, pointer)
    _declare(iokit.IORegistryEntryCreateCFProperty, pointer, number, pointer, pointer, number)
    _declare(iokit.IOObjectRelease, ctypes.c_int, number)
    _declare(foundation.CFStringCreateWithCString, pointer, pointer, ctypes.c_char_p, number)
    _declare(foundation.CFNumberGetValue, ctypes.c_bool, pointer, ctypes.c_long, pointer)
    _declare(foundation.CFRelease, None, pointer)
    return iokit, foundation


def _declare(function: Any, result: Any, *arguments: Any) -> Callable[..., Any]:
    function.restype, function.argtypes = result, arguments
    return function  # type: ignore[no-any-return]  # a foreign function
