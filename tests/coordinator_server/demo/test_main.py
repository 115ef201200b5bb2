"""The first thing that a newcomer types works, says what happened, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.support.real_mesh import ENVIRONMENT, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]
COMMAND = [sys.executable, "-m", "coordinator_server.demo"]


def environment(folder: Path) -> dict[str, str]:
    """Without a display: tests of the app have one of their own."""
    hidden = {key: value for key, value in ENVIRONMENT.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
    return {**hidden, "TMPDIR": str(folder)}


def left_running(folder: Path) -> list[str]:
    """Return the command lines of processes that mention the demo's folder."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or [])
        if str(folder) in line and process.pid != os.getpid():
            found.append(line)
    return found


def test_once_answers_every_request_and_leaves_nothing(tmp_path: Path) -> None:
    result = subprocess.run(
        [*COMMAND, "--once"], capture_output=True, text=True, env=environment(tmp_path), timeout=500, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "5 of 5 requests answered" in result.stdout
    for service in ("document-processing", "ner", "rag/index", "notes"):
        (line,) = [line for line in result.stdout.splitlines() if line.startswith(service + " ")]
        assert line.split()[1:4:2] == ["200", "direct"], line
    assert list(tmp_path.iterdir()) == []
    assert left_running(tmp_path) == []


def test_ctrl_c_ends_everything(tmp_path: Path) -> None:
    with subprocess.Popen(
        COMMAND, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment(tmp_path)
    ) as demo:
        assert demo.stdout is not None
        said = []
        for line in demo.stdout:
            said.append(line)
            if "Ctrl-C ends everything" in line:
                break
        assert any("Dashboard" in line for line in said), said
        assert left_running(tmp_path)
        demo.send_signal(signal.SIGINT)
        said.append(demo.stdout.read())
        assert demo.wait(120) == 0, said
    assert "Nothing is left running" in said[-1]
    wait_until(lambda: not left_running(tmp_path), "all programs have ended")
    assert list(tmp_path.iterdir()) == []
