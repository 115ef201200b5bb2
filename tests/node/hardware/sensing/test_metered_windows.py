"""The cost of a connection, from a COM object in memory with a real table of functions."""

from __future__ import annotations

import ctypes
import uuid
from typing import Any

import pytest

from node.hardware.sensing.metered_windows import COSTS, MANAGER, SILENT, WRONG_MODE, is_metered, metered
from node.hardware.sensing.told import Unknown

FAILED = -2147467259  # E_FAIL


@pytest.mark.parametrize(
    ("cost", "expected"),
    [
        (0x0, SILENT),
        (0x1, False),
        (0x2, True),
        (0x4, True),
        (0x1 | 0x10000, True),  # over its limit
        (0x1 | 0x40000, True),  # roaming
        (0x1 | 0x20000, False),  # congested
        (0x1 | 0x80000, False),  # near its limit, and without charge
    ],
)
def test_what_a_cost_means(cost: int, expected: bool | Unknown) -> None:
    assert is_metered(cost) == expected


class Ole32:
    """COM with one object; its functions are called through a table, as on Windows."""

    def __init__(self, cost: int = 2, *, initialised: int = 0, made: int = 0, told: int = 0) -> None:
        self.initialised, self.made = initialised, made
        self.held = self.entered = 0
        result, pointer = ctypes.c_int32, ctypes.c_void_p

        def get_cost(this: int, place: int, destination: int | None) -> int:
            assert destination is None
            ctypes.cast(place, ctypes.POINTER(ctypes.c_uint32))[0] = cost
            return told

        def release(this: int) -> int:
            self.held -= 1
            return 0

        self._functions = (
            ctypes.CFUNCTYPE(result, pointer)(release),
            ctypes.CFUNCTYPE(result, pointer, pointer, pointer)(get_cost),
        )
        places = [None, None, *(ctypes.cast(function, pointer) for function in self._functions)]
        self._table = (ctypes.c_void_p * 4)(*places)
        self._object = ctypes.pointer(self._table)

    def CoInitializeEx(self, reserved: None, mode: int) -> int:
        assert mode == 0
        if self.initialised < 0:
            error = OSError()
            error.winerror = self.initialised  # type: ignore[attr-defined,unused-ignore]  # as ctypes raises it there
            raise error
        self.entered += 1
        return self.initialised

    def CoUninitialize(self) -> None:
        self.entered -= 1

    def CoCreateInstance(self, kind: Any, outer: None, context: int, interface: Any, place: Any) -> int:
        assert (uuid.UUID(bytes_le=kind.raw), uuid.UUID(bytes_le=interface.raw)) == (MANAGER, COSTS)
        if self.made == 0:
            place._obj.value = ctypes.addressof(self._object)
            self.held += 1
        return self.made


@pytest.mark.parametrize(
    ("ole32", "expected"),
    [
        (Ole32(0x2), True),
        (Ole32(0x1), False),
        (Ole32(0x2, initialised=1), True),  # it was initialised already, and wants to be let go as often
        (Ole32(0x2, initialised=WRONG_MODE), True),
        (Ole32(0x2, initialised=FAILED), SILENT),
        (Ole32(0x2, made=FAILED), SILENT),
        (Ole32(0x2, told=FAILED), SILENT),
    ],
)
def test_windows_is_asked_and_everything_let_go(ole32: Ole32, expected: bool | Unknown) -> None:
    assert metered(ole32) == expected
    assert (ole32.held, ole32.entered) == (0, 0)
