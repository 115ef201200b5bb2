from __future__ import annotations

import sys
import threading
from pathlib import Path

import msgspec
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.hardware.gpus import MAX_OUTPUT, GpuProbe, parse, probe_gpus
from tests.support.nvml import environment


def test_gpus_come_through_the_probe_program(nvml_stub: Path) -> None:
    found = probe_gpus(environ=environment(nvml_stub))
    assert [gpu.name for gpu in found.gpus] == ["Stub RTX 1000", "Stub RTX 2000"]
    assert found.utilisation == 0.75
    assert found.note == ""


def test_what_a_driver_prints_is_not_taken_for_an_answer(nvml_stub: Path) -> None:
    assert len(probe_gpus(environ=environment(nvml_stub, "noisy")).gpus) == 2


def test_a_driver_that_crashes_takes_only_the_probe_with_it(nvml_stub: Path) -> None:
    found = probe_gpus(environ=environment(nvml_stub, "abort"))
    assert found == GpuProbe(note="the GPU probe ended with SIGABRT")


def test_a_driver_that_hangs_is_killed_at_the_time_limit(nvml_stub: Path) -> None:
    found = probe_gpus(time_limit=1, environ=environment(nvml_stub, "hang"))
    assert found.gpus == ()
    assert "did not answer within 1 s" in found.note
    assert [child for child in psutil.Process().children() if "nvml_probe.py" in " ".join(child.cmdline())] == []


def test_a_driver_that_prints_for_ever_is_cut_off(nvml_stub: Path) -> None:
    found = probe_gpus(time_limit=60, environ=environment(nvml_stub, "flood"))
    assert found.gpus == ()
    assert found.note
    assert "did not answer" not in found.note, "it was not the clock that ended it"


def test_the_timer_ends_with_the_probe(nvml_stub: Path) -> None:
    probe_gpus(environ=environment(nvml_stub))
    assert not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]


@pytest.mark.parametrize(
    ("script", "note"),
    [
        ("raise SystemExit(7)", "exit code 7"),
        ("print('hello')", "cannot be read"),
        ("pass", "cannot be read"),
        ("print('{\"gpus\": 5}')", "cannot be read"),
        (f"print('x' * {MAX_OUTPUT * 2})", ""),
    ],
)
def test_a_probe_that_talks_nonsense_means_no_gpus_and_a_note(script: str, note: str) -> None:
    found = probe_gpus([sys.executable, "-c", script])
    assert found.gpus == ()
    assert found.note
    assert note in found.note


def test_a_probe_that_cannot_be_started_is_a_note(tmp_path: Path) -> None:
    found = probe_gpus([str(tmp_path / "absent")])
    assert found.gpus == ()
    assert "cannot be started" in found.note


@given(st.binary(max_size=300))
def test_no_output_breaks_the_parser(output: bytes) -> None:
    assert isinstance(parse(output), GpuProbe)


def test_texts_of_a_driver_are_made_fit_to_send() -> None:
    gpu = parse(msgspec.json.encode({"gpus": [{"name": "A\n\x07b", "vendor": "  NVIDIA "}]})).gpus[0]
    assert (gpu.name, gpu.vendor) == ("A b", "NVIDIA")


def test_a_driver_that_exaggerates_is_not_believed() -> None:
    assert parse(msgspec.json.encode({"gpus": [{"name": "x" * 500}]})).gpus == ()
    assert parse(msgspec.json.encode({"gpus": [{}] * 17})).gpus == ()


def test_negative_memory_is_not_believed() -> None:
    assert parse(b'{"gpus":[{"memory_bytes":-1}]}').gpus == ()
