from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from node.hardware import cpu, linux_limits


def test_this_machine_has_a_processor_with_a_name() -> None:
    name = cpu.cpu_name()
    assert name
    assert name == name.strip()
    assert 1 <= cpu.usable_threads() <= (psutil.cpu_count() or 1)


def test_a_name_is_read_from_cpuinfo(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nmodel\t\t: 85\nmodel name\t: Intel(R) Core(TM)\nmodel name\t: other\n")
    assert cpu._linux_name(cpuinfo, tmp_path / "absent") == "Intel(R) Core(TM)"


def test_an_arm_board_is_named_by_its_device_tree(tmp_path: Path) -> None:
    cpuinfo, board = tmp_path / "cpuinfo", tmp_path / "model"
    cpuinfo.write_text("processor : 0\nBogoMIPS : 108.00\n")
    board.write_text("Raspberry Pi 5 Model B\0")
    assert cpu._linux_name(cpuinfo, board) == "Raspberry Pi 5 Model B"


def test_without_any_source_the_name_is_the_architecture(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(cpu, "CPUINFO", tmp_path / "absent")
    monkeypatch.setattr(cpu, "DEVICE_TREE", tmp_path / "absent")
    assert cpu.cpu_name()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no CPU affinity")
def test_a_process_that_is_held_to_one_cpu_has_one_thread() -> None:
    program = (
        "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n"
        "from node.hardware import cpu; print(cpu.usable_threads(), cpu.usable_cores(cpu.usable_threads()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split() == ["1", "1"]


@pytest.mark.skipif(sys.platform != "linux", reason="control groups are Linux's")
def test_a_quota_takes_threads_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "cpu_count", lambda logical=True: 64 if logical else 32)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)))
    monkeypatch.setattr(linux_limits, "cpu_quota", lambda: 3)
    assert cpu.usable_threads() == 3
    assert cpu.usable_cores(3) == 3
    monkeypatch.setattr(linux_limits, "cpu_quota", lambda: None)
    assert cpu.usable_threads() == 16


def test_unknown_cores_count_as_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "cpu_count", lambda logical=True: None)
    assert cpu.usable_cores(4) == 4
