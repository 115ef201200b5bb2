"""The probe program, run as its parent runs it: the real pynvml, and a compiled stand-in for the driver."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pynvml
import pytest

from node.hardware import nvml_probe
from tests.support.nvml import environment

GIB = 2**30


def run(stub: Path, behaviour: str = "") -> dict[str, Any]:
    command = [sys.executable, "-P", nvml_probe.__file__]
    done = subprocess.run(
        command, env=environment(stub, behaviour), capture_output=True, timeout=120, check=True, cwd=stub
    )
    assert done.stderr == b""
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def test_two_gpus_are_described_by_their_driver(nvml_stub: Path) -> None:
    report = run(nvml_stub)
    first, second = report["gpus"]
    assert first == {
        "vendor": "NVIDIA",
        "name": "Stub RTX 1000",
        "memory_bytes": 8 * GIB,
        "memory_free_bytes": 4 * GIB,
        "driver": "555.42.06",
        "usable": True,
    }
    assert (second["name"], second["memory_bytes"]) == ("Stub RTX 2000", 16 * GIB)
    assert second["usable"] is False
    assert report["utilisation"] == 0.75
    assert report["note"] == ""


def test_a_driver_without_gpus_is_no_error(nvml_stub: Path) -> None:
    assert run(nvml_stub, "none") == {"gpus": [], "utilisation": None, "note": ""}


def test_a_driver_that_refuses_is_a_note(nvml_stub: Path) -> None:
    report = run(nvml_stub, "init-error")
    assert report["gpus"] == []
    assert "Driver Not Loaded" in report["note"]


def test_a_missing_driver_is_a_note(tmp_path: Path) -> None:
    (tmp_path / "libnvidia-ml.so.1").write_text("not a library")
    assert run(tmp_path) == {"gpus": [], "utilisation": None, "note": "no NVIDIA driver is installed"}


def test_a_lost_gpu_does_not_hide_the_other(nvml_stub: Path) -> None:
    report = run(nvml_stub, "lost")
    assert [gpu["name"] for gpu in report["gpus"]] == ["Stub RTX 2000"]
    assert "GPU 0 cannot be read" in report["note"]


def test_a_gpu_that_tells_its_name_only_still_counts(nvml_stub: Path) -> None:
    report = run(nvml_stub, "bare")
    assert [(gpu["memory_bytes"], gpu["driver"], gpu["usable"]) for gpu in report["gpus"]] == [(0, "", True)] * 2
    assert report["utilisation"] is None


def test_a_name_that_is_no_text_is_a_note(nvml_stub: Path) -> None:
    report = run(nvml_stub, "bad-name")
    assert report["gpus"] == []
    assert "GPU 1 cannot be read" in report["note"]


def test_the_driver_is_let_go_when_it_fails_half_way(monkeypatch: pytest.MonkeyPatch) -> None:
    let_go = []

    def fail() -> int:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_UNKNOWN)

    monkeypatch.setattr(pynvml, "nvmlInit", lambda: None)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetCount", fail)
    monkeypatch.setattr(pynvml, "nvmlShutdown", lambda: let_go.append(True))
    assert "the NVIDIA driver failed" in nvml_probe.probe()["note"]
    assert let_go == [True]
