"""How long nobody used this Windows computer. Nobody has run it on one yet.

Source: Win32, GetLastInputInfo (of the session that this program runs in) and GetTickCount, in milliseconds that
begin again after 49.7 days.
"""

from __future__ import annotations

import ctypes
import os
from typing import Any

from node.hardware.sensing.told import Unknown


class LastInput(ctypes.Structure):
    """LASTINPUTINFO (winuser.h)."""

    _fields_ = (("cbSize", ctypes.c_uint), ("dwTime", ctypes.c_uint))


def idle_seconds(user32: Any = None, kernel32: Any = None) -> float | Unknown:
    """Return seconds since keyboard or mouse were used last; the libraries are given by tests."""
    user32 = user32 or ctypes.WinDLL("user32")  # type: ignore[attr-defined,unused-ignore]  # only there
    kernel32 = kernel32 or ctypes.WinDLL("kernel32")  # type: ignore[attr-defined,unused-ignore]  # only there
    session = ctypes.c_uint(0)
    if kernel32.ProcessIdToSessionId(os.getpid(), ctypes.byref(session)) and session.value == 0:
        return Unknown("the node runs as a service, and Windows tells services nothing about who uses the computer")
    last = LastInput(ctypes.sizeof(LastInput), 0)
    if not user32.GetLastInputInfo(ctypes.byref(last)):
        return Unknown("Windows does not tell when this computer was used last")
    return float((kernel32.GetTickCount() - last.dwTime) % 2**32 / 1000)
