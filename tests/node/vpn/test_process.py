"""A child's output comes whole and in order, and its end after it."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from node.vpn.process import NebulaProcess
from tests.support.waiting import eventually

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX signals")


async def test_lines_come_before_the_end(tmp_path: Path) -> None:
    told: list[bytes | int] = []
    script = "import sys; [print(n, flush=True) for n in range(500)]; print('last', file=sys.stderr); sys.exit(3)"
    process = await NebulaProcess.spawn([sys.executable, "-c", script], tmp_path, told.append, told.append)
    await eventually(lambda: not process.running, "the process ended")
    assert told == [*(f"{number}\n".encode() for number in range(500)), b"last\n", 3]


async def test_a_deaf_one_is_killed(tmp_path: Path) -> None:
    told: list[bytes | int] = []
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True)"
    script = f"import signal, time; {deaf}; time.sleep(300)"
    process = await NebulaProcess.spawn([sys.executable, "-c", script], tmp_path, told.append, told.append)
    await eventually(lambda: told, "it said that it is up")
    await process.stop(0.05)
    assert told[-1] == -signal.SIGKILL
    await process.stop(0.05)  # once more harms nobody


async def test_a_program_that_is_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        await NebulaProcess.spawn([str(tmp_path / "absent")], tmp_path, lambda _: None, lambda _: None)
