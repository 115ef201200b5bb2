"""A child's output comes whole and in order, and its end after it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from node.program.child_process import MAX_LINE, MOST_WAITING, ChildProcess
from tests.support.waiting import eventually

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX signals")


async def test_lines_come_before_the_end(tmp_path: Path) -> None:
    told: list[bytes | int] = []
    script = "import sys; [print(n, flush=True) for n in range(500)]; print('last', file=sys.stderr); sys.exit(3)"
    process = await ChildProcess.spawn([sys.executable, "-c", script], tmp_path, told.append, told.append)
    await eventually(lambda: not process.running, "the process ended")
    assert told == [*(f"{number}\n".encode() for number in range(500)), b"last\n", 3]


async def test_a_deaf_one_is_killed(tmp_path: Path) -> None:
    told: list[bytes | int] = []
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True)"
    script = f"import signal, time; {deaf}; time.sleep(300)"
    process = await ChildProcess.spawn([sys.executable, "-c", script], tmp_path, told.append, told.append)
    await eventually(lambda: told, "it said that it is up")
    await process.stop(0.05)
    assert told[-1] == -signal.SIGKILL
    await process.stop(0.05)  # once more harms nobody


async def test_a_program_that_is_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        await ChildProcess.spawn([str(tmp_path / "absent")], tmp_path, lambda _: None, lambda _: None)


async def test_lines_that_nobody_wants_take_no_time_of_the_loop(tmp_path: Path) -> None:
    told: list[bytes | int] = []
    threads: set[int] = set()

    def wanted(line: bytes) -> bool:
        threads.add(threading.get_ident())
        return line == b"499\n"

    script = "for n in range(500): print(n)"
    process = await ChildProcess.spawn([sys.executable, "-c", script], tmp_path, told.append, told.append, wanted)
    await eventually(lambda: not process.running, "the process ended")
    assert told == [b"499\n", 0]
    assert threading.get_ident() not in threads


async def test_one_that_writes_without_end_waits_for_the_loop(tmp_path: Path) -> None:
    told: list[bytes | int] = []
    script = "import os\nwhile True: os.write(1, b'again\\n' * 1000)"
    process = await ChildProcess.spawn([sys.executable, "-c", script], tmp_path, told.append, told.append)
    await eventually(lambda: len(told) > 10 * MOST_WAITING, "it writes")
    before = len(told)
    time.sleep(0.5)  # noqa: ASYNC251 - a loop that is busy
    await asyncio.sleep(0)
    assert len(told) - before <= 2 * MOST_WAITING
    await process.stop(0.05)


async def test_of_a_line_without_end_the_beginning_is_heard_and_the_next_line_again(tmp_path: Path) -> None:
    told: list[bytes | int] = []
    script = f"import sys; sys.stdout.write('x' * {3 * MAX_LINE} + 'tail\\nnext\\n')"
    process = await ChildProcess.spawn([sys.executable, "-c", script], tmp_path, told.append, told.append)
    await eventually(lambda: not process.running, "the process ended")
    assert told == [b"x" * MAX_LINE, b"next\n", 0]


async def test_whoever_is_cancelled_while_it_ends_leaves_no_deaf_process_behind(tmp_path: Path) -> None:
    told: list[bytes | int] = []
    script = (
        "import signal, time; signal.signal(signal.SIGTERM, lambda *_: print('deaf', flush=True));"
        "print('up', flush=True)\nwhile True: time.sleep(1)"
    )
    process = await ChildProcess.spawn([sys.executable, "-c", script], tmp_path, told.append, told.append)
    await eventually(lambda: told, "it said that it is up")
    async with asyncio.TaskGroup() as group:
        stopping = group.create_task(process.stop(3600.0))
        await eventually(lambda: b"deaf\n" in told, "it was asked to end")
        stopping.cancel()
    await eventually(lambda: not process.running, "it was killed")
    assert told[-1] == -signal.SIGKILL
    assert not psutil.pid_exists(process.pid)
