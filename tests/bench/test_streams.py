"""The benchmark of long and large things runs as it is called, small, and loses nothing on the way."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.gateway_support.streams import percentiles

ROOT = Path(__file__).parents[2]
SCRIPT = str(ROOT / "bench" / "streams.py")
SMALL = ("--idle", "20", "--streams", "5", "--seconds", "1", "--mib", "1", "--messages", "20", "--json")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, *arguments], capture_output=True, check=False, text=True, timeout=280
    )


@pytest.mark.processes
@pytest.mark.skipif(sys.platform != "linux", reason="it gives each program a core of its own, as Linux can")
def test_it_carries_everything_through_ours_and_tells_what_that_took() -> None:
    names = ["idle", "events", "download", "upload", "websocket-direct"]
    done = run("--only", ",".join(names), *SMALL)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert list(found) == names
    assert (found["idle"]["connections"], found["idle"]["lost"]) == (20, 0)
    assert (found["events"]["streams"], found["events"]["lost"]) == (5, 0)
    assert found["download"]["mib"] == found["upload"]["mib"] == 1
    assert found["websocket-direct"]["messages"] == 20
    assert 0 < found["websocket-direct"]["p50_ms"] <= found["websocket-direct"]["p99_ms"]


@pytest.mark.skipif(sys.platform != "linux", reason="it gives each program a core of its own, as Linux can")
def test_what_it_cannot_measure_is_refused_with_what_it_can() -> None:
    done = run("--only", "nothing")
    assert (done.returncode, done.stdout) == (2, "")
    assert "nothing is called nothing; there are idle, events," in done.stderr


def test_percentiles() -> None:
    assert percentiles([]) == (0.0, 0.0)
    assert percentiles([float(number) for number in range(200, 0, -1)]) == (101.0, 199.0)
