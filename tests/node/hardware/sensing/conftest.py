"""Two buses as a desktop has them, and clients of them that end with the test."""

from __future__ import annotations

import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from node.program.tasks import TaskSet

if TYPE_CHECKING:
    from node.hardware.sensing.bus import Bus
    from tests.support.dbus import BusDaemon

# They import what speaks D-Bus, which is installed on Linux only, or name folders as only Linux can.
LINUX_ONLY = [
    "test_battery_linux.py", "test_bus.py", "test_computer.py", "test_gpu_linux.py", "test_idle_bus.py",
    "test_idle_linux.py",
    "test_idle_logind.py", "test_idle_wayland.py", "test_idle_x11.py", "test_metered_linux.py",
    "test_properties.py", "test_sleeping.py",
]  # fmt: skip
collect_ignore = [] if sys.platform == "linux" else LINUX_ONLY


@pytest.fixture
async def tasks() -> AsyncIterator[TaskSet]:
    owned = TaskSet("test")
    yield owned
    await owned.stop()


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a slow machine time to answer; a test of what does not answer sets its own."""
    if sys.platform == "linux":
        for place in ("bus.CALL_LIMIT", "idle_x11.LIMIT", "idle_wayland.LIMIT"):
            monkeypatch.setattr(f"node.hardware.sensing.{place}", 60.0)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[BusDaemon]:
    if shutil.which("dbus-daemon") is None:
        pytest.skip("needs dbus-daemon")
    from tests.support.dbus import bus_daemon

    with bus_daemon(tmp_path) as started:
        yield started


@pytest.fixture
async def bus(daemon: BusDaemon, tasks: TaskSet) -> AsyncIterator[Bus]:
    from node.hardware.sensing.bus import Bus

    made = Bus("test bus", lambda: daemon.address, tasks)
    yield made
    made.close()
