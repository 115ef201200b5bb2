"""The computer slept: by clocks that a test sets, and by logind on a real bus."""

from __future__ import annotations

import ctypes
from typing import Any

from node.hardware.sensing.bus import Bus
from node.hardware.sensing.sleeping import JUMP, ONCE_IN, Sleeping, seconds_asleep, windows_seconds_asleep
from node.program.tasks import TaskSet
from tests.support.dbus import LOGIND, LOGIND_PATH, BusDaemon, stand_in
from tests.support.waiting import eventually


class Computer:
    """Clocks of a computer, and what it was told of."""

    def __init__(self) -> None:
        self.asleep = 7.0
        self.now = 100.0
        self.told: list[str] = []
        self.sleeping = Sleeping(
            lambda: self.told.append("resumed"),
            lambda: self.told.append("sleeps"),
            asleep=lambda: self.asleep,
            clock=lambda: self.now,
        )


def test_a_jump_of_the_clocks_is_a_sleep_and_drift_is_none() -> None:
    computer = Computer()
    for _ in range(100):
        computer.asleep += JUMP / 10
        computer.sleeping.look()
    assert computer.told == []
    assert computer.sleeping.resumed_at is None
    computer.asleep += 3600
    computer.sleeping.look()
    computer.sleeping.look()
    assert computer.told == ["resumed"]
    assert computer.sleeping.resumed_at == 100.0


async def test_logind_tells_at_once_and_the_clocks_do_not_tell_it_again(
    daemon: BusDaemon, bus: Bus, tasks: TaskSet
) -> None:
    computer = Computer()
    await computer.sleeping.watch(tasks, bus, every=0.01)
    await eventually(lambda: bus.connected, "the bus")
    async with stand_in(daemon, LOGIND) as service:
        await service.tell(LOGIND_PATH, f"{LOGIND}.Manager", "PrepareForSleep", "b", (True,))
        await eventually(lambda: computer.told == ["sleeps"], "the sleep")
        computer.asleep += 3600
        await service.tell(LOGIND_PATH, f"{LOGIND}.Manager", "PrepareForSleep", "b", (False,))
        await eventually(lambda: computer.told == ["sleeps", "resumed"], "the end of the sleep")
        await service.tell(LOGIND_PATH, f"{LOGIND}.Manager", "PrepareForSleep", "b", (False,))
        computer.now += ONCE_IN
        computer.asleep += 60
        await eventually(lambda: computer.told == ["sleeps", "resumed", "resumed"], "another sleep, by the clocks")


async def test_without_a_bus_the_clocks_are_enough(tasks: TaskSet) -> None:
    computer = Computer()
    await computer.sleeping.watch(tasks, None, every=0.01)
    computer.asleep += 60
    await eventually(lambda: computer.told == ["resumed"], "the end of the sleep")


def test_what_else_a_signal_says_is_nothing() -> None:
    computer = Computer()
    for arguments in ((), ("true",), (None,)):
        computer.sleeping._told(arguments)
    assert computer.told == []


def test_the_clocks_of_this_computer_can_be_read() -> None:
    before = seconds_asleep()
    assert seconds_asleep() >= before - 0.1


class Kernel32:
    """Two clocks of Windows."""

    def __init__(self, milliseconds: int, hundreds_of_nanoseconds: int, works: int = 1) -> None:
        class GetTickCount64:
            restype: Any = None

            def __call__(self) -> int:
                assert self.restype is ctypes.c_ulonglong
                return milliseconds

        self.GetTickCount64 = GetTickCount64()
        self._awake, self._works = hundreds_of_nanoseconds, works

    def QueryUnbiasedInterruptTime(self, place: Any) -> int:
        place._obj.value = self._awake
        return self._works


def test_windows_clocks_differ_by_the_time_asleep() -> None:
    assert windows_seconds_asleep(Kernel32(90_000, 300_000_000)) == 60.0
    assert windows_seconds_asleep(Kernel32(2**40, 0, works=0)) == 0.0
