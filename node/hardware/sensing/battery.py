"""Whether this computer runs on its battery, and how full that is, as psutil tells it on every system.

It asks GetSystemPowerStatus on Windows, IOKit on macOS and /sys/class/power_supply on Linux.
"""

from __future__ import annotations

from dataclasses import dataclass

import psutil

from node.hardware import battery
from node.hardware.sensing.told import Unknown


@dataclass(frozen=True)
class Power:
    """What feeds the computer; `percent` is None where there is no battery."""

    on_battery: bool
    percent: float | None = None


def power() -> Power | Unknown:
    """Ask the system; blocks for a millisecond or so. No battery means that the mains feed it."""
    if not hasattr(psutil, "sensors_battery"):
        return Unknown("this system does not tell whether the computer runs on its battery")
    try:
        found = psutil.sensors_battery()
    except Exception as error:  # it parses what firmware reports, and that is not always sane
        return Unknown(f"the battery cannot be read: {str(error) or type(error).__name__}")
    if found is None:
        return Power(on_battery=False)
    told = battery.describe(found.percent, found.power_plugged)
    return Power(on_battery=told.on_battery, percent=told.charge * 100)
