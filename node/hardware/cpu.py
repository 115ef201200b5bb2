"""The processor: its name, and how many cores and threads of it we may use."""

from __future__ import annotations

import contextlib
import os
import platform
import subprocess
import sys
from pathlib import Path

import psutil

from node.hardware import linux_limits
from node.hardware.texts import clean

CPUINFO = Path("/proc/cpuinfo")
DEVICE_TREE = Path("/proc/device-tree/model")


def cpu_name() -> str:
    """Return the processor's name as its maker gives it, or the architecture."""
    if sys.platform == "linux":
        name = _linux_name(CPUINFO, DEVICE_TREE)
    elif sys.platform == "darwin":
        name = _macos_name()
    else:
        name = _windows_name()
    return clean(name or platform.processor() or platform.machine())


def usable_threads() -> int:
    """Return how many hardware threads we may use: those of the machine, less what affinity and quota take."""
    limits = [psutil.cpu_count(logical=True) or os.cpu_count() or 1, _affinity()]
    if sys.platform == "linux":
        limits.append(linux_limits.cpu_quota())
    return min(limit for limit in limits if limit)


def usable_cores(threads: int) -> int:
    """Return how many physical cores we may use when we may use so many threads."""
    physical = psutil.cpu_count(logical=False)
    return min(physical, threads) if physical else threads


def _affinity() -> int | None:
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # macOS and Windows have no such call
        return None


def _linux_name(cpuinfo: Path, device_tree: Path) -> str:
    """Read /proc/cpuinfo; ARM boards have their name in the device tree only."""
    fields: dict[str, str] = {}
    for line in _read(cpuinfo).splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip().lower(), value.strip())
    return fields.get("model name") or _read(device_tree).strip("\0") or fields.get("model", "")


def _macos_name() -> str:
    try:
        command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=False).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def _windows_name() -> str:
    if sys.platform == "win32":
        import winreg

        place = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
        with contextlib.suppress(OSError), winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, place) as key:
            return str(winreg.QueryValueEx(key, "ProcessorNameString")[0])
    return ""


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
