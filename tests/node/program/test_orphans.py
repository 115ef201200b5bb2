"""An earlier run's Nebula is ended; whatever else has its number is not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
import pytest

from node.program.orphans import RunNote, end_orphan, note_run

SLEEP = "import sys, time; print('up', flush=True); time.sleep(300)"


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    argv = [sys.executable, "-c", SLEEP, str(tmp_path / "nebula.json")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        running.stdout.readline()
        yield running
        running.kill()


def test_our_own_is_ended(process: subprocess.Popen[str], tmp_path: Path) -> None:
    note_run(tmp_path / "run", process.pid)
    assert end_orphan(tmp_path / "run", tmp_path / "nebula.json")
    assert process.wait(60) != 0
    assert not end_orphan(tmp_path / "run", tmp_path / "nebula.json")


def test_another_program_with_its_number_lives(process: subprocess.Popen[str], tmp_path: Path) -> None:
    note_run(tmp_path / "run", process.pid)
    assert not end_orphan(tmp_path / "run", tmp_path / "other.json")
    started = psutil.Process(process.pid).create_time()
    (tmp_path / "run").write_bytes(msgspec.json.encode(RunNote(process.pid, started - 60)))
    assert not end_orphan(tmp_path / "run", tmp_path / "nebula.json")
    assert process.poll() is None


@pytest.mark.parametrize("note", [b"", b"{", b'{"pid":-1,"started":0}', b'{"pid":999999999999,"started":0}'])
def test_a_damaged_note_is_no_matter(note: bytes, tmp_path: Path) -> None:
    (tmp_path / "run").write_bytes(note)
    assert not end_orphan(tmp_path / "run", tmp_path / "nebula.json")


def test_a_process_that_has_ended_already_is_noted_nowhere(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait(60)
    note_run(tmp_path / "run", process.pid)
    assert not (tmp_path / "run").exists()


def test_one_that_another_user_has_started_is_told_and_left(
    process: subprocess.Popen[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(self: psutil.Process) -> None:
        raise psutil.AccessDenied(self.pid)

    note_run(tmp_path / "run", process.pid)
    monkeypatch.setattr(psutil.Process, "terminate", refuse)
    assert not end_orphan(tmp_path / "run", tmp_path / "nebula.json")
    assert "cannot be ended" in caplog.text
