"""Whether this Linux computer runs on its battery: UPower, which tells of changes, else /sys through psutil.

Source: UPower reference, org.freedesktop.UPower and org.freedesktop.UPower.Device (its DisplayDevice).
"""

from __future__ import annotations

from collections.abc import Callable

from node.hardware.sensing.battery import Power, power
from node.hardware.sensing.bus import Bus
from node.hardware.sensing.look import in_thread
from node.hardware.sensing.properties import Properties
from node.hardware.sensing.told import Unknown

UPOWER = "org.freedesktop.UPower"
PATH = "/org/freedesktop/UPower"
BATTERY = 2  # a device's type; others are mice, phones and supplies for a whole desk


class BatteryLinux:
    """UPower where it runs, else `fallback`, which may block."""

    def __init__(self, system: Bus, fallback: Callable[[], Power | Unknown] = power) -> None:
        self._upower = Properties(system, UPOWER, PATH, UPOWER)
        self._device = Properties(system, UPOWER, f"{PATH}/devices/DisplayDevice", f"{UPOWER}.Device")
        self._fallback = in_thread(fallback)

    async def read(self) -> Power | Unknown:
        """Return what feeds the computer."""
        told = await self._upower.read()
        if isinstance(told, Unknown) or not isinstance(told.get("OnBattery"), bool):
            return await self._fallback()
        return Power(on_battery=told["OnBattery"], percent=await self._percent())

    async def _percent(self) -> float | None:
        device = await self._device.read()
        if isinstance(device, Unknown) or device.get("Type") != BATTERY or not device.get("IsPresent"):
            return None
        return min(100.0, max(0.0, float(device["Percentage"])))
