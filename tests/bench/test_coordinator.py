"""The coordinator's benchmark runs as it is called, small: everybody is told what to run, and nothing fails."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.coordinator_support import results
from bench.coordinator_support.connections import TEXT, length_of, take_frame
from bench.coordinator_support.crowd import timing, wrong
from bench.coordinator_support.seen import Seen, percentile, spread

SCRIPT = str(Path(__file__).parents[2] / "bench" / "coordinator.py")
SMALL = (
    "--workers", "12", "--seconds", "2", "--period", "1", "--other-seconds", "1", "--listeners", "2",
    "--revoked", "400", "--json",
)  # fmt: skip


@pytest.mark.processes
@pytest.mark.timeout(300)
@pytest.mark.skipif(sys.platform != "linux", reason="it gives each program a core of its own, as Linux can")
def test_workers_join_beat_leave_and_are_asked(tmp_path: Path) -> None:
    argv = [sys.executable, SCRIPT, *SMALL, "--plot", str(tmp_path / "plot.svg")]
    done = subprocess.run(argv, capture_output=True, check=False, text=True, timeout=280, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)["runs"]
    assert (found["workers"], found["settled"]["here"], found["settled"]["busy"]) == (12, 12, 12)
    assert found["steady"]["count"] >= 12
    assert found["steady"]["errors"] == found["requests"]["errors"] == found["churn"]["heartbeats"]["errors"] == 0
    assert found["steady"]["bytes_down"] < 400 * len("former-00000-00000000"), (
        "the blocklist does not come each time"
    )
    assert found["churn"]["assigned"]["count"] == found["churn"]["wanted"] > 0
    assert found["requests"]["whole"]["count"] > 0
    nobody, both = found["listeners"]
    assert (nobody["listeners"], nobody["snapshot_bytes"], both["listeners"]) == (0, 0, 2)
    assert both["snapshot_bytes"] > 0
    assert (tmp_path / "plot.svg").read_text().startswith("<svg")
    assert [path.name for path in tmp_path.iterdir()] == ["plot.svg"], "nothing is left"


def run(store: str = "sqlite", workers: int = 100, percent: float = 10.0, errors: int = 0) -> dict[str, Any]:
    seen = {**Seen().told(), "count": 100, "errors": errors}
    watched = {"cpu_percent": percent, "crowd_percent": 1.0}
    return {
        "store": store,
        "workers": workers,
        "load_average": 1.0,
        "seconds": 30.0,
        "kib_each": 50.0,
        "joined": {"seconds": 1.0, "beats": 0, "errors": 0, **spread([0.1])},
        "steady": {**seen, **watched},
        "requests": {"whole": spread([0.1]), "route": spread([0.0]), "errors": 0, **watched},
        "churn": {"assigned": spread([0.1]), "wanted": 1, "heartbeats": Seen().told(), **watched},
        "listeners": [
            {
                "listeners": 1,
                "snapshot_bytes": 9,
                "deltas_per_second": 0.0,
                "delta_bytes": 0.0,
                "heartbeats": Seen().told(),
                **watched,
            }
        ],
    }


def test_all_cpu_is_shared_among_the_heartbeats_and_errors_are_shown() -> None:
    assert results.per_beat(run(percent=10.0)) == pytest.approx(30_000)
    assert "ERRORS" not in results.line(run())
    assert results.line(run(errors=3)).endswith("3 ERRORS")
    failed = run(errors=3)
    failed["steady"]["wrong"] = {wrong(TimeoutError()): 1, wrong(OSError(24, "too many files")): 2}
    assert results.line(failed).endswith("3 ERRORS (OSError 24: 2, TimeoutError: 1)")
    assert "100 workers, sqlite" in results.details([run()])


def test_the_plot_has_a_line_for_each_store_and_what_went_on() -> None:
    drawn = results.plot([run(store, count) for store in ("sqlite", "etcd") for count in (100, 1000)])
    assert drawn.count("<polyline") == 4
    assert "etcd: heartbeats, channels" in drawn


def test_gaps_are_told_by_their_median_and_the_longest() -> None:
    gaps = [{"client": seconds, "workers": [10.0, 20.0], "failed": 1} for seconds in (0.1, 0.2, 3.0)]
    assert results.failovers({"etcd": gaps}).splitlines()[-1].split() == [
        "etcd", "3", "|", "0.20", "3.00", "3", "|", "20.0", "20.0",
    ]  # fmt: skip


def test_percentiles_are_values_that_were_measured() -> None:
    assert percentile([3.0, 1.0, 2.0], 50) == 2.0
    assert percentile([], 99) == 0.0
    assert spread([0.001, 0.002])["max_ms"] == 2.0


def test_frames_come_in_pieces_and_heads_tell_lengths() -> None:
    frame = bytes((0x80 | TEXT, 126)) + (300).to_bytes(2, "big") + bytes(300)
    for cut in (1, 3, 200):
        assert take_frame(bytearray(frame[:cut])) is None
    data = bytearray(frame + b"\x81")
    assert take_frame(data) == (TEXT, bytes(300))
    assert data == b"\x81"
    assert length_of(b"HTTP/1.1 200 OK\r\ncontent-length: 12") == 12
    assert timing(b"Server-Timing: route;dur=1.5, worker;dur=2.0\r\n", b"route") == 0.0015
    assert timing(b"HTTP/1.1 200 OK", b"route") == 0.0
