"""Two buses as a desktop has them, and clients of them that end with the test."""

from __future__ import annotations

import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from node.hardware.sensing.bus import Bus
from node.program.tasks import TaskSet
from tests.support.dbus import BusDaemon, bus_daemon


@pytest.fixture
async def tasks() -> AsyncIterator[TaskSet]:
    owned = TaskSet("test")
    yield owned
    await owned.stop()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[BusDaemon]:
    if sys.platform != "linux" or shutil.which("dbus-daemon") is None:
        pytest.skip("needs dbus-daemon")
    with bus_daemon(tmp_path) as started:
        yield started


@pytest.fixture
async def bus(daemon: BusDaemon, tasks: TaskSet) -> AsyncIterator[Bus]:
    made = Bus("test bus", lambda: daemon.address, tasks)
    yield made
    made.close()
