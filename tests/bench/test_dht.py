"""The DHT's benchmark runs as it is called, small, and tells what it promises to tell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FIGURES = {
    "nodes", "killed", "lookups", "success", "p50_ms", "p99_ms", "hops_mean", "join_ms_mean", "rpc_per_lookup",
    "bytes_per_lookup",
}  # fmt: skip

pytestmark = pytest.mark.processes


def bench(*arguments: str) -> dict[str, Any]:
    """Run the script and return the document that it printed."""
    done = subprocess.run(
        [sys.executable, ROOT / "bench" / "dht.py", *arguments, "--json"],
        capture_output=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_real_nodes_with_some_killed() -> None:
    figures = bench("--nodes", "24", "--kill", "0.25", "--lookups", "12")
    assert set(figures) == FIGURES
    assert (figures["nodes"], figures["killed"], figures["lookups"]) == (24, 6, 12)
    assert 0 < figures["success"] <= 1
    assert 0 < figures["p50_ms"] <= figures["p99_ms"]
    assert figures["hops_mean"] >= 1
    assert figures["rpc_per_lookup"] >= 1
    assert figures["bytes_per_lookup"] > 0
    assert figures["join_ms_mean"] > 0


def test_the_plain_package_runs_the_same_plan_beside_ours() -> None:
    document = bench("--nodes", "12", "--kill", "0", "--lookups", "6", "--baseline", "--baseline-lookups", "3")
    baseline = document["baseline"]
    assert set(document) - {"baseline"} == set(baseline) == FIGURES
    assert (baseline["nodes"], baseline["killed"], baseline["lookups"]) == (12, 0, 3)
    assert 0 <= baseline["success"] <= 1


def test_simulated_times_calm_and_hard_with_charts_of_them(tmp_path: Path) -> None:
    document = bench("--simulate", "60", "--minutes", "0.5", "--lookups", "10", "--plots", str(tmp_path))
    runs = document["simulated"]
    assert [(run["churn"], run["sybils"]) for run in runs] == [(0, 0), (0.1, 0), (0, 0.2), (0.1, 0.2)]
    assert all(run["nodes"] == 60 for run in runs)
    assert all(0.9 <= run["success"] <= 1 and 0.9 <= run["found"] <= 1 for run in runs)
    assert [run["replaced"] > 0 for run in runs] == [False, True, False, True]
    assert all(run["hops_mean"] >= 1 for run in runs)
    for name in ("hops.svg", "success.svg", "found.svg"):
        assert ET.parse(tmp_path / name).getroot().tag == "{http://www.w3.org/2000/svg}svg"


def test_the_same_seed_gives_the_same_simulation() -> None:
    runs = [bench("--simulate", "40", "--minutes", "0.2", "--lookups", "5", "--seed", "7") for _ in range(2)]
    for run in runs[0]["simulated"] + runs[1]["simulated"]:
        del run["wall_s"]
    assert runs[0] == runs[1]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [(("--nodes", "1"), "at least 2"), (("--kill", "1"), "less than 1"), (("--simulate", "0"), "at least 2")],
)
def test_what_cannot_be_measured_is_refused(arguments: tuple[str, ...], complaint: str) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "bench" / "dht.py", *arguments],
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert complaint in done.stderr
