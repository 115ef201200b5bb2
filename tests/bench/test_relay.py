"""The relay's benchmark runs as it is called, small: all is answered, who waits stays, and who was lost returns."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.relay import line
from bench.relay_support.measure import Requests, middle
from bench.relay_support.returned import most_in

ROOT = Path(__file__).parents[2]
SCRIPT = str(ROOT / "bench" / "relay.py")
SMALL = (
    "--connections",
    "1,4",
    "--seconds",
    "1",
    "--rounds",
    "1",
    "--mb",
    "2",
    "--idle",
    "5",
    "--idle-seconds",
    "0.5",
    "--returning",
    "7",
)


def figures(way: str = "relay", per_second: float = 100.0, errors: int = 0) -> Requests:
    return Requests(way, 32, per_second, 1.0, 2.0, 50.0, errors)


@pytest.mark.processes
@pytest.mark.needs("wrk")
@pytest.mark.timeout(300)
@pytest.mark.skipif(sys.platform != "linux", reason="it gives each program a core of its own, as Linux can")
def test_it_compares_the_ways_and_looks_at_workers_that_wait() -> None:
    argv = [sys.executable, SCRIPT, *SMALL, "--json"]
    done = subprocess.run(argv, capture_output=True, check=False, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [(one["way"], one["connections"]) for one in found["requests"]] == [
        ("direct", 1), ("relay", 1), ("direct", 4), ("relay", 4),
    ]  # fmt: skip
    for one in found["requests"]:
        assert one["errors"] == 0
        assert one["per_second"] > 0
        assert 0 < one["p50_ms"] <= one["p99_ms"]
    assert [one["way"] for one in found["bytes"]] == ["direct", "relay"]
    assert all(one["down"] > 0 and one["up"] > 0 for one in found["bytes"])
    assert (found["idle"]["count"], found["idle"]["still_there"]) == (5, 5)
    back = found["returning"]
    assert (back["count"], back["sent_away"]) == (7, 7), "all came back, and have registered"
    assert back["handshakes"] >= 14, "before that, and after it"
    assert 0 < back["peak"] <= back["handshakes"]
    assert 0 < back["half"] <= back["nearly_all"] <= back["all"]
    assert min(back["cpu_seconds"], back["clients_cpu_seconds"], back["mib"]) > 0


def test_the_second_with_most_of_all_counts() -> None:
    assert most_in([], 1.0) == 0
    assert most_in([0.0, 0.9, 1.0, 1.5, 1.8, 5.0], 1.0) == 4
    assert most_in([0.0, 1.0, 2.0], 1.0) == 1


def test_the_round_in_the_middle_counts_and_errors_are_shown() -> None:
    assert middle([figures(per_second=rate) for rate in (3.0, 9.0, 5.0)]).per_second == 5.0
    assert "ERRORS" not in line(figures(), figures("direct"))
    assert line(figures(per_second=50.0, errors=3), figures("direct")).split()[-3:] == ["0.50", "3", "ERRORS"]
