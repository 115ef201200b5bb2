"""Priority and cores on Linux: real processes, their threads, and what they start."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from node.services.limits.linux import LinuxPriority
from node.services.limits.plan import Together

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(sys.platform != "linux", reason="Linux's own means"),
]
ONE = Together(cpu_cores=0.5, whole_cores=1)
QUIET = "import sys; print('up', flush=True); sys.stdin.read()"
# Two children with a thread each, which say nothing and do nothing.
FAMILY = (
    "import subprocess, sys, threading, time\n"
    "threading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n"
    f"start = lambda: subprocess.Popen([sys.executable, '-c', {QUIET!r}], stdin=-1, stdout=-1)\n"
    "children = [start(), start()]\n"
    "for child in children: child.stdout.readline()\n"
    "print('up', flush=True); sys.stdin.read()\n"
)
# Children that spin; says how much time of processors they had, and how much went by on the clock.
SPIN = (
    "import sys, time, subprocess\n"
    "code = 'import time\\nwhile time.process_time() < 0.5: pass\\nprint(time.process_time())'\n"
    "began = time.monotonic()\n"
    "children = [subprocess.Popen([sys.executable, '-c', code], stdout=-1) for _ in range(4)]\n"
    "print(sum(float(child.communicate()[0]) for child in children), time.monotonic() - began, flush=True)\n"
)


@contextmanager
def launched(limits: LinuxPriority, code: str, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    process = limits.launch(
        "service",
        lambda: subprocess.Popen(
            [sys.executable, "-c", code, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        ),
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, 9)


def line_of(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    return process.stdout.readline()


def cores_of(process: subprocess.Popen[bytes]) -> set[frozenset[int]]:
    """Return the sets of cores of all threads of a process and its children."""
    found = [process.pid, *(child.pid for child in psutil.Process(process.pid).children(recursive=True))]
    threads = [int(entry.name) for pid in found for entry in Path(f"/proc/{pid}/task").iterdir()]
    return {frozenset(os.sched_getaffinity(thread)) for thread in threads}


async def test_a_service_and_what_it_starts_have_the_lowest_priority_and_we_keep_ours() -> None:
    limits = LinuxPriority(19)
    before = os.getpriority(os.PRIO_PROCESS, 0), os.sched_getaffinity(0)
    with launched(limits, FAMILY) as process:
        assert line_of(process) == b"up\n"
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children()]
        assert len(family) == 3
        assert {one.nice() for one in family} == {19}
        assert {one.ionice().ioclass for one in family} == {psutil.IOPRIO_CLASS_IDLE}
        autogroup = Path(f"/proc/{process.pid}/autogroup")
        if autogroup.exists() and autogroup.read_text().strip():
            assert autogroup.read_text().split()[-1] == "19"
    assert (os.getpriority(os.PRIO_PROCESS, 0), os.sched_getaffinity(0)) == before


async def test_no_niceness_is_none_at_all() -> None:
    limits = LinuxPriority(0)
    assert limits.ability().priority_by == ""
    with launched(limits, QUIET) as process:
        assert line_of(process) == b"up\n"
        assert psutil.Process(process.pid).nice() == os.getpriority(os.PRIO_PROCESS, 0)


async def test_cores_change_for_all_threads_of_what_runs_already() -> None:
    limits = LinuxPriority(0)
    everything = frozenset(os.sched_getaffinity(0))
    with launched(limits, FAMILY) as process:
        assert line_of(process) == b"up\n"
        assert cores_of(process) == {everything}
        await limits.hold(ONE, [process.pid])
        assert cores_of(process) == {frozenset({max(everything)})}
        await limits.hold(Together(), [process.pid])
        assert cores_of(process) == {everything}


async def test_children_on_one_core_have_no_more_time_together_than_that_has() -> None:
    """It holds whatever else this machine does: the less time there is, the longer they take for theirs."""
    limits = LinuxPriority(0)
    await limits.hold(ONE, [])
    with launched(limits, SPIN) as capped:
        used, went_by = map(float, (await asyncio.to_thread(line_of, capped)).split())
    assert used >= 4 * 0.5
    assert used <= went_by * 1.1


async def test_what_cannot_be_started_says_so() -> None:
    limits = LinuxPriority(19)
    with pytest.raises(OSError, match="no-such-program"):
        limits.launch("service", lambda: subprocess.Popen(["/no-such-program"]))


async def test_the_priority_of_a_session_is_set_though_linux_lets_that_be_done_seldom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, tries = Path.write_text, 0

    def seldom(path: Path, text: str) -> int:
        nonlocal tries
        tries += 1
        if tries < 4:
            raise BlockingIOError
        path.parent.mkdir()
        return write(path, text)

    monkeypatch.setattr(Path, "write_text", seldom)
    monkeypatch.setattr("node.services.limits.linux.PAUSE", 0.0)
    with launched(LinuxPriority(7, tmp_path), QUIET) as process:
        assert (tmp_path / str(process.pid) / "autogroup").read_text() == "7"
    assert tries == 4
