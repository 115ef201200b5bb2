"""Whole trees of processes are found, with what each of them uses: real ones, and those of a made-up system."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from node.program.process_trees import Process, look, memory

pytestmark = pytest.mark.processes

# Starts a child that works for some time and is waited for, then goes on working itself until its input ends.
FAMILY = """
import subprocess, sys
work = "import time\\nwhile time.process_time() < 0.3: pass"
subprocess.run([sys.executable, "-c", work], check=True)
child = subprocess.Popen([sys.executable, "-c", "import sys; print('here', flush=True); sys.stdin.read()"],
                         stdin=subprocess.PIPE)
sys.stdin.read()
child.communicate()
"""


@pytest.mark.parametrize("by_psutil", [False, True])
def test_a_real_family_is_found_and_what_it_used(by_psutil: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if by_psutil:
        monkeypatch.setattr(sys, "platform", "another system")
    first = subprocess.Popen(
        [sys.executable, "-c", FAMILY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        assert first.stdout is not None
        assert first.stdout.readline() == b"here\n"
        seen = look({"ner": first.pid, "nobody": 2**22 + 5})
        assert seen["nobody"] == ()
        assert {one.pid for one in seen["ner"]} == {
            first.pid,
            *(c.pid for c in psutil.Process(first.pid).children()),
        }
        assert len(seen["ner"]) == 2
        assert sum(one.cpu + one.reaped for one in seen["ner"]) >= 0.3
        assert memory(seen["ner"]) > 2 * 2**20
    finally:
        first.communicate(timeout=60)


@pytest.mark.skipif(sys.platform != "linux", reason="the session of a process is told on Linux")
def test_who_left_his_parents_but_not_the_session_is_still_counted() -> None:
    script = "import os, sys\nif os.fork() == 0: print(os.getpid(), flush=True)\nsys.stdin.read()"
    middle = f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {script!r}])\nsys.stdin.read()"
    first = subprocess.Popen(
        [sys.executable, "-c", middle], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        assert first.stdout is not None
        grandchild = int(first.stdout.readline())
        os.kill(psutil.Process(grandchild).ppid(), 9)
        deadline = time.monotonic() + 60
        while psutil.Process(grandchild).ppid() not in (1, os.getpid()) and time.monotonic() < deadline:
            if first.pid not in {one.pid for one in psutil.Process(grandchild).parents()}:
                break
            time.sleep(0.01)
        assert grandchild in {one.pid for one in look({"ner": first.pid})["ner"]}
    finally:
        first.communicate(timeout=60)


def test_what_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    for name, text in (("12", "12 (a) b) S 1 12 12"), ("x", ""), ("13", "")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "stat").write_text(text)
    fields = " ".join(["S", "1", "14", "14", *["0"] * 7, "100", "50", "10", "0", *["0"] * 4, "77", "0", "3", "0"])
    (tmp_path / "14").mkdir()
    (tmp_path / "14" / "stat").write_text(f"14 (a ) b) {fields}")
    (tmp_path / "15").mkdir()
    seen = look({"ner": 14, "ocr": 12}, tmp_path)
    assert seen["ocr"] == ()
    ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    assert seen["ner"] == (Process(14, 77.0, 150 / ticks, 10 / ticks, 3 * page),)
    assert look({}, tmp_path) == {}


@pytest.mark.skipif(sys.platform != "linux", reason="as /proc on Linux")
def test_a_circle_of_parents_ends(tmp_path: Path) -> None:
    for pid, parent, session in ((1, 2, 0), (2, 1, 0), (5, 4, 0), (4, 3, 0), (3, 0, 3)):
        (tmp_path / str(pid)).mkdir()
        fields = " ".join(["S", str(parent), "0", str(session), *["0"] * 20])
        (tmp_path / str(pid) / "stat").write_text(f"{pid} (x) {fields}")
    assert {one.pid for one in look({"ner": 3}, tmp_path)["ner"]} == {3, 4, 5}
