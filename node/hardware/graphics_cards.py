"""Whose graphics cards are in the computer, usable or not, by the kernel's list of devices."""

from __future__ import annotations

from pathlib import Path

PCI = Path("/sys/bus/pci/devices")
DISPLAYS = ("0x0300", "0x0302", "0x0380")  # PCI classes: VGA, 3D, other display controller
MAKERS = {"0x10de": "NVIDIA", "0x1002": "AMD", "0x8086": "Intel"}
MOST = 256  # devices that are looked at


def makers(folder: Path = PCI) -> tuple[str, ...]:
    """Return each maker once, in order; nothing where the system has no such list."""
    found: set[str] = set()
    try:
        for device in sorted(folder.iterdir())[:MOST]:
            if _read(device / "class").startswith(DISPLAYS):
                found.add(MAKERS.get(_read(device / "vendor"), ""))
    except OSError:
        return ()
    return tuple(sorted(found - {""}))


def _read(path: Path) -> str:
    try:
        with path.open(encoding="ascii", errors="replace") as file:
            return file.read(16).strip()
    except OSError:
        return ""
