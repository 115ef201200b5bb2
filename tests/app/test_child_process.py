"""Programs that the app starts or finds again: their end, their last words, their environment."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import psutil
import pytest

from app.child_process import KEPT_LINES, ChildProcess, FoundProcess, child_environment

ENVIRONMENT = dict(os.environ)


def child(code: str) -> ChildProcess:
    return ChildProcess([sys.executable, "-c", code], ENVIRONMENT)


async def test_it_tells_exit_code_and_last_words() -> None:
    process = child("import sys; print('first', file=sys.stderr); sys.stderr.write('last'); sys.exit(3)")
    process.start()
    result = await asyncio.wait_for(process.wait(), 30)
    assert (result.code, result.last_lines) == (3, ("first", "last"))


async def test_what_it_keeps_is_bounded() -> None:
    process = child("import sys\nfor n in range(5000): print('x' * 3000, n, file=sys.stderr)")
    process.start()
    result = await asyncio.wait_for(process.wait(), 30)
    assert len(result.last_lines) == KEPT_LINES
    assert max(map(len, result.last_lines)) <= 2000


async def test_a_program_that_is_not_there_says_so() -> None:
    process = ChildProcess(["/nowhere/rma-mesh-node"], ENVIRONMENT)
    process.start()
    result = await asyncio.wait_for(process.wait(), 30)
    assert result.code is None
    assert "could not be started" in result.last_lines[0]


async def test_terminate_and_kill_end_it() -> None:
    for act in (ChildProcess.terminate, ChildProcess.kill):
        process = child("import time; print('up', flush=True); time.sleep(60)")
        process.start()
        act(process)
        assert (await asyncio.wait_for(process.wait(), 30)).code is None


async def test_waiting_that_is_cancelled_leaves_the_program_alone() -> None:
    process = child("import time; time.sleep(60)")
    process.start()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(process.wait(), 0.1)
    process.kill()
    assert (await asyncio.wait_for(process.wait(), 30)).code is None


def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])


async def test_a_found_process_is_ended_and_waited_for() -> None:
    program = sleeper()
    found = FoundProcess(program.pid)
    found.terminate()
    await asyncio.wait_for(found.wait(), 30)
    assert program.wait(60) != 0
    found.kill()  # is harmless now


def test_a_pid_of_nobody_is_refused() -> None:
    program = subprocess.Popen([sys.executable, "-c", ""])
    program.wait(60)
    with pytest.raises(psutil.NoSuchProcess):
        FoundProcess(program.pid)


def test_a_frozen_apps_library_path_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen = {"LD_LIBRARY_PATH": "/opt/rma-mesh", "LD_LIBRARY_PATH_ORIG": "/usr/local/lib", "HOME": "/root"}
    assert child_environment(frozen) == {"LD_LIBRARY_PATH": "/usr/local/lib", "HOME": "/root"}
    assert child_environment({"LD_LIBRARY_PATH": "/mine"}) == {"LD_LIBRARY_PATH": "/mine"}
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert child_environment({"LD_LIBRARY_PATH": "/opt/rma-mesh"}) == {}
