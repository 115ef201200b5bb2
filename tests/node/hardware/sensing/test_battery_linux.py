"""UPower on a real system bus, and what is done without it."""

from __future__ import annotations

from node.hardware.sensing.battery import Power
from node.hardware.sensing.battery_linux import BatteryLinux
from node.hardware.sensing.bus import Bus
from node.hardware.sensing.told import Unknown
from tests.support.dbus import DISPLAY_DEVICE, UPOWER, UPOWER_PATH, BusDaemon, becomes, stand_in, upower

FALLBACK = Power(on_battery=False, percent=12.0)


async def test_pulling_the_plug_is_seen_at_once(daemon: BusDaemon, bus: Bus) -> None:
    battery = BatteryLinux(bus, lambda: FALLBACK)
    async with stand_in(daemon, UPOWER) as service:
        upower(service, on_battery=False, percentage=90.0)
        assert await battery.read() == Power(on_battery=False, percent=90.0)
        await service.change(UPOWER_PATH, UPOWER, {"OnBattery": ("b", True)})
        await becomes(battery.read, Power(on_battery=True, percent=90.0))
        await service.change(DISPLAY_DEVICE, f"{UPOWER}.Device", {"Percentage": ("d", 41.5)})
        await becomes(battery.read, Power(on_battery=True, percent=41.5))
        asked = len(service.asked)
        for _ in range(10):
            await battery.read()
        assert len(service.asked) == asked, "what did not change is not asked"
    await becomes(battery.read, FALLBACK)


async def test_a_computer_without_a_battery_has_no_charge(daemon: BusDaemon, bus: Bus) -> None:
    async with stand_in(daemon, UPOWER) as service:
        upower(service, on_battery=False, percentage=None)
        assert await BatteryLinux(bus, lambda: FALLBACK).read() == Power(on_battery=False)


async def test_without_upower_the_kernel_is_asked(daemon: BusDaemon, bus: Bus) -> None:
    assert await BatteryLinux(bus, lambda: FALLBACK).read() == FALLBACK
    assert await BatteryLinux(bus, lambda: Unknown("no")).read() == Unknown("no")
    async with stand_in(daemon, UPOWER) as service:
        service.has(UPOWER_PATH, UPOWER, {"OnBattery": ("s", "perhaps")})
        assert await BatteryLinux(bus, lambda: FALLBACK).read() == FALLBACK
