"""Whether the network counts or costs, as Windows' network list manager tells. Nobody has run it on one yet.

Sources: netlistmgr.h (INetworkCostManager, NLM_CONNECTION_COST); COM, which is asked by way of ctypes: a package
for one call is more to go wrong.
"""

from __future__ import annotations

import ctypes
import uuid
from typing import Any

from node.hardware.sensing.told import Unknown

MANAGER = uuid.UUID("DCB00C01-570F-4A9B-8D69-199FDBA5723B")  # CLSID_NetworkListManager
COSTS = uuid.UUID("DCB00008-570F-4A9B-8D69-199FDBA5723B")  # IID_INetworkCostManager
RELEASE, GET_COST = 2, 3  # places in its table of functions
ALL_CONTEXTS, MULTITHREADED = 0x17, 0x0
UNRESTRICTED, FIXED, VARIABLE, OVER_LIMIT, ROAMING = 0x1, 0x2, 0x4, 0x10000, 0x40000
WRONG_MODE = -2147417850  # RPC_E_CHANGED_MODE: somebody has initialised this thread already, which is as good
SILENT = Unknown("Windows does not tell whether the network is metered")


def is_metered(cost: int) -> bool | Unknown:
    """Read a NLM_CONNECTION_COST; pure."""
    if cost & (FIXED | VARIABLE | OVER_LIMIT | ROAMING):
        return True
    return False if cost & UNRESTRICTED else SILENT


def metered(ole32: Any = None) -> bool | Unknown:
    """Ask Windows, in a thread that may block; the library is given by tests."""
    ole32 = ole32 or ctypes.OleDLL("ole32")  # type: ignore[attr-defined,unused-ignore]  # only there
    initialised = ole32_call(ole32.CoInitializeEx, None, MULTITHREADED)
    if initialised < 0 and initialised != WRONG_MODE:
        return SILENT
    try:
        cost = _cost(ole32)
    finally:
        if initialised >= 0:
            ole32.CoUninitialize()
    return SILENT if cost is None else is_metered(cost)


def _cost(ole32: Any) -> int | None:
    """Return the cost of the connection to the internet, or None where that fails."""
    manager, cost = ctypes.c_void_p(), ctypes.c_uint32(0)
    made = ole32_call(
        ole32.CoCreateInstance, _guid(MANAGER), None, ALL_CONTEXTS, _guid(COSTS), ctypes.byref(manager)
    )
    if made < 0 or not manager.value:
        return None
    try:
        failed = _method(manager, GET_COST, ctypes.c_void_p, ctypes.c_void_p)(manager, ctypes.byref(cost), None) < 0
        return None if failed else cost.value
    finally:
        _method(manager, RELEASE)(manager)


def ole32_call(function: Any, *arguments: Any) -> int:
    """Return the call's HRESULT, which ctypes raises for functions of an OleDLL."""
    try:
        return int(function(*arguments))
    except OSError as error:
        return int(getattr(error, "winerror", None) or -1)


def _method(thing: ctypes.c_void_p, place: int, *arguments: Any) -> Any:
    """Return a method of a COM object: the object points to its table of functions."""
    table = ctypes.cast(thing, ctypes.POINTER(ctypes.POINTER(ctypes.c_void_p))).contents
    prototype = getattr(ctypes, "WINFUNCTYPE", ctypes.CFUNCTYPE)  # the same calling convention with 64 bits
    return prototype(ctypes.c_int32, ctypes.c_void_p, *arguments)(table[place])


def _guid(value: uuid.UUID) -> Any:
    return ctypes.create_string_buffer(value.bytes_le, 16)
