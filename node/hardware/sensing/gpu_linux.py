"""What Linux tells of GPUs by itself: AMD's temperatures, and which cards sleep, so that nobody wakes them to ask.

Sources: kernel documentation, gpu/amdgpu/thermal (hwmon) and power/runtime_pm.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

AMD, NVIDIA = "0x1002", "0x10de"
DISPLAY_CLASSES = ("0x0300", "0x0302", "0x0380")  # VGA, 3D and other display controllers
PCI_DEVICES = Path("/sys/bus/pci/devices")
MAX_CARDS = 16


@dataclass(frozen=True)
class Card:
    """One GPU on the PCI bus."""

    path: Path
    vendor: str

    def sleeps(self) -> bool:
        """Return whether it is switched off for want of use; asking its driver would switch it on."""
        return _read(self.path / "power/runtime_status") == "suspended"

    def may_sleep(self) -> bool:
        """Return whether it will be switched off when nobody uses it."""
        return _read(self.path / "power/control") == "auto"

    def celsius(self) -> float | None:
        """Return the temperature that its driver tells through hwmon, or None."""
        if self.sleeps():
            return None
        for sensor in sorted(self.path.glob("hwmon/hwmon*/temp1_input")):
            with contextlib.suppress(ValueError):
                return int(_read(sensor)) / 1000
        return None


def cards(devices: Path = PCI_DEVICES) -> Sequence[Card]:
    """Return the GPUs of NVIDIA and AMD, in the order of their places on the bus."""
    return tuple(_cards(devices))[:MAX_CARDS]


def _cards(devices: Path) -> Iterator[Card]:
    for path in sorted(devices.glob("*")):
        vendor = _read(path / "vendor")
        if vendor in (AMD, NVIDIA) and _read(path / "class").startswith(DISPLAY_CLASSES):
            yield Card(path, vendor)


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii", "replace").strip()
    except OSError:
        return ""
