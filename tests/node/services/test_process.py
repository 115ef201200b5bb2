"""A child process: its lines, its end, and what it leaves behind."""

import asyncio
import os
import sys
from pathlib import Path

import psutil
import pytest

from node.services.process import ServiceProcess
from tests.support.waiting import eventually

pytestmark = pytest.mark.processes


async def spawn(code: str, folder: Path, lines: list[bytes] | None = None) -> ServiceProcess:
    sink = lines.append if lines is not None else lambda _: None
    return await ServiceProcess.spawn([sys.executable, "-c", code], dict(os.environ), folder, sink)


def has_ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def test_the_first_line_is_told_apart_from_the_others(tmp_path: Path) -> None:
    lines: list[bytes] = []
    code = "import sys; print('first'); print('second'); print('error', file=sys.stderr)"
    process = await spawn(code, tmp_path, lines)
    assert await asyncio.wait_for(process.first_line, 30) == b"first\n"
    assert await asyncio.wait_for(process.ended, 30) == 0
    await eventually(lambda: len(lines) == 2, "both further lines")
    assert sorted(lines) == [b"error\n", b"second\n"]


async def test_stop_asks_before_it_kills(tmp_path: Path) -> None:
    process = await spawn("import sys; print('up', flush=True); sys.stdin.read(); sys.exit(7)", tmp_path)
    await asyncio.wait_for(process.first_line, 30)
    code = await process.stop(30)
    assert code in (7, -15)  # by its closed stdin or by SIGTERM, whichever it sees first


async def test_what_ignores_every_request_is_killed_at_the_deadline(tmp_path: Path) -> None:
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    process = await spawn(code, tmp_path)
    await asyncio.wait_for(process.first_line, 30)
    assert await process.stop(0.2) == -9


async def test_grandchildren_end_with_it(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    process = await spawn(code, tmp_path)
    grandchild = int(await asyncio.wait_for(process.first_line, 30))
    assert psutil.pid_exists(grandchild)
    await process.kill()
    await eventually(lambda: has_ended(grandchild), "the end of the grandchild")


async def test_stopping_twice_and_after_its_end_is_harmless(tmp_path: Path) -> None:
    process = await spawn("pass", tmp_path)
    assert await process.stop(30) == await process.stop(30) == await process.kill()


async def test_a_program_that_does_not_exist_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no-such-program"):
        await ServiceProcess.spawn(["/no-such-program"], {}, tmp_path, lambda _: None)
