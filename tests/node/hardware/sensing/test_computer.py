"""All sensors together: on real buses, hanging ones included, and what becomes of answers."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from node.hardware.sensing import computer as computer_module
from node.hardware.sensing import idle_macos, idle_windows, metered_windows
from node.hardware.sensing.battery import Power
from node.hardware.sensing.computer import Asking, ComputerSensors, asking_here, gather
from node.hardware.sensing.look import Pace
from node.hardware.sensing.told import Unknown
from node.program.tasks import TaskSet
from node.rules.sensed import ALL_FIELDS, GpuSensed, Sensed, SensedField
from tests.support.dbus import (
    LOGIND,
    NETWORK_MANAGER,
    UPOWER,
    BusDaemon,
    bus_daemon,
    login,
    logind,
    network_manager,
    stand_in,
    upower,
)

ROOT = Path(__file__).parents[4]
MONITOR, MONITOR_PATH = "org.gnome.Mutter.IdleMonitor", "/org/gnome/Mutter/IdleMonitor/Core"


@pytest.fixture
async def sensors(
    tmp_path: Path, daemon: BusDaemon, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ComputerSensors]:
    """The real sensors of this computer, on buses of the test's own; the second one is the system's."""
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", daemon.address)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    made = ComputerSensors()
    yield made
    await made.close()
    await made.close()


@pytest.mark.needs("dbus-daemon")
async def test_a_desktop_computer_tells_everything(
    sensors: ComputerSensors, daemon: BusDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bus_daemon(tmp_path, "system") as system:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", system.address)
        async with (
            stand_in(daemon, MONITOR) as mutter,
            stand_in(system, UPOWER) as power,
            stand_in(system, NETWORK_MANAGER) as network,
            stand_in(system, LOGIND) as logins,
        ):
            mutter.answers(MONITOR_PATH, MONITOR, "GetIdletime", lambda: ("t", (125_000,)))
            upower(power, on_battery=True, percentage=63.0)
            network_manager(network, 3)
            logind(logins, {"2": login(os.getuid())})
            told = await settled(sensors, lambda reading: not reading.unknown)
            assert (told.on_battery, told.battery_percent, told.metered) == (True, 63.0, True)
            assert told.idle_seconds == 125.0
            assert told.programs is not None
            assert psutil.Process().name().lower() in told.programs
            assert told.gpus is not None

            network.hangs = power.hangs = True  # what is known of them holds
            mutter.hangs = True
            told = await sensors.read()
            assert (told.on_battery, told.metered, told.idle_seconds) == (True, True, 125.0)
            only = await sensors.read(frozenset({"metered"}))
            assert only == Sensed(metered=True)


async def settled(sensors: ComputerSensors, right: Callable[[Sensed], bool]) -> Sensed:
    """Read until it is right: starting the first time may take longer than a reading waits."""
    end = time.monotonic() + 60
    while not right(told := await sensors.read()):
        assert time.monotonic() < end, told
        await asyncio.sleep(0.05)
    return told


@pytest.mark.skipif(sys.platform != "linux", reason="a computer without a desktop is Linux")
async def test_a_computer_without_buses_and_screens_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path}/none")
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/none")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    sensors = ComputerSensors()
    told = await settled(sensors, lambda reading: reading.on_battery is not None and reading.gpus is not None)
    assert set(told.unknown) == {"idle_seconds", "metered"}
    for why in told.unknown.values():
        assert why[0].isupper()
        assert why.endswith(".")
    await sensors.close()
    after = await sensors.read(frozenset({"programs"}))
    assert isinstance(after, Sensed)


def test_other_systems_need_nothing_that_is_there_on_linux_only() -> None:
    script = (
        "import sys; sys.modules['jeepney'] = None; import node.hardware.sensing.computer as c; c.ComputerSensors()"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, timeout=120)


class Hanging:
    """Sensors none of which ever answers."""

    def __init__(self) -> None:
        self.asked = self.closed = 0

    async def ask(self) -> Unknown:
        self.asked += 1
        await asyncio.Event().wait()
        raise AssertionError

    def close(self) -> None:
        self.closed += 1

    def make(self, _: TaskSet, __: object) -> Asking:
        return Asking(self.ask, self.ask, self.ask, self.ask, self.ask, self.close)


async def test_sensors_that_hang_keep_nobody_waiting_and_are_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(computer_module, "PACES", dict.fromkeys(computer_module.PACES, Pace(patience=0.05)))
    hanging = Hanging()
    sensors = ComputerSensors(asking=hanging.make)
    for _ in range(3):
        assert set((await sensors.read()).unknown) == ALL_FIELDS
    assert hanging.asked == 5, "each is asked once, and not again while it hangs"
    await sensors.close()
    assert hanging.closed
    assert await sensors.read(frozenset({"metered"})) is not None


async def test_a_reading_of_nothing_is_enough_to_notice_that_the_computer_has_slept() -> None:
    woke_up, hanging = asyncio.Event(), Hanging()
    sensors = ComputerSensors(on_resume=woke_up.set, asking=hanging.make)
    sensors._sleeping._slept -= 3600.0  # so much has one clock gained on the other since
    assert await sensors.read(frozenset()) == Sensed()
    async with asyncio.timeout(60):
        await woke_up.wait()
    assert hanging.asked == 0
    await sensors.close()


async def test_sensors_that_were_never_read_can_be_closed() -> None:
    sensors = ComputerSensors()
    assert sensors.resumed_at is None
    await sensors.close()
    assert (await sensors.read()).unknown.keys() == ALL_FIELDS


GPUS = (GpuSensed(index=0, celsius=50.0),)
ALL = {
    "power": Power(on_battery=True, percent=5.0), "idle": 7.0, "metered": Unknown("nobody knows"),
    "programs": frozenset({"game"}), "gpus": GPUS,
}  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (
            ALL_FIELDS,
            Sensed(
                on_battery=True, battery_percent=5.0, idle_seconds=7.0, programs=frozenset({"game"}), gpus=GPUS,
                unknown={"metered": "Nobody knows."},
            ),
        ),
        (frozenset({"battery_percent"}), Sensed(battery_percent=5.0)),
        (frozenset(), Sensed()),
    ],
)  # fmt: skip
def test_a_reading_is_what_was_wanted(wanted: frozenset[SensedField], expected: Sensed) -> None:
    assert gather(ALL, wanted) == expected


def test_power_that_is_unknown_is_unknown_in_both_fields() -> None:
    told = gather({**ALL, "power": Unknown("no")}, ALL_FIELDS)
    assert (told.unknown["on_battery"], told.unknown["battery_percent"]) == ("No.", "No.")


@pytest.mark.parametrize("system", ["win32", "darwin"])
async def test_other_systems_are_asked_by_their_own_ways(
    system: str, monkeypatch: pytest.MonkeyPatch, tasks: TaskSet
) -> None:
    monkeypatch.setattr(idle_windows, "idle_seconds", lambda: 1.0)
    monkeypatch.setattr(idle_macos, "idle_seconds", lambda: 2.0)
    monkeypatch.setattr(metered_windows, "metered", lambda: True)
    monkeypatch.setattr(sys, "platform", system)
    asking = asking_here(tasks, None)
    assert await asking.idle() == (1.0 if system == "win32" else 2.0)
    assert await asking.metered() == (True if system == "win32" else computer_module.NO_MAC_METER)
    assert asking.system is None
    asking.close()
