"""The bench of a whole mesh runs as it is called, small; what its tables are made of is right."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.mesh import lacking
from bench.mesh_support.carrying import Body, Small, Way
from bench.mesh_support.load import quantiles
from bench.mesh_support.results import carrying_lines, document, joining_lines, middle, ratio
from tests.support.overlay_mesh import PROGRAMS

ROOT = Path(__file__).parents[2]
TINY = ("--runs", "1", "--seconds", "0.1", "--size", "0.5", "--only", "direct", "--json")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    script = ROOT / "bench" / "mesh.py"
    return subprocess.run(
        [sys.executable, script, *arguments], capture_output=True, check=False, cwd=ROOT, text=True, timeout=600
    )


@pytest.mark.needs(*PROGRAMS)
@pytest.mark.processes
@pytest.mark.timeout(700)
def test_it_measures_joining_and_every_way_between_two_nodes() -> None:
    why = lacking()
    if why is not None:
        pytest.skip(why)
    done = run(*TINY)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for mode, steps in (("with the VPN", {"overlay"}), ("without", set[str]())):
        (join,) = found["joining"][mode]
        assert join.keys() >= {"program", "enrolled", "registered", "dht", "answered"} | steps
        assert 0 < join["program"] <= join["enrolled"] <= join["answered"]
    ways = {one["way"]: one for one in found["carrying"]}
    assert [one["between"] for one in found["carrying"]] == ["direct"] * 3
    assert list(ways) == ["plain TCP", "TCP in Nebula", "our nodes"]
    for one in ways.values():
        assert min(one["down"]["mb_per_second"], one["up"]["mb_per_second"]) > 0
        assert all(0 < small["p50_ms"] <= small["p99_ms"] for small in one["small"])


def test_what_it_cannot_measure_is_refused_with_what_it_can() -> None:
    done = run("--only", "nothing")
    assert (done.returncode, done.stdout) == (2, "")
    assert "nothing is called nothing; there are no VPN, direct, relayed" in done.stderr


def test_where_nothing_can_be_measured_it_says_why_and_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("bench.mesh.why_impossible", lambda: "needs root, for network namespaces")
    from bench.mesh import main

    assert main([]) == 0
    assert (
        capsys.readouterr().err == "Nothing is measured here: bench/mesh.py needs root, for network namespaces.\n"
    )


def way(down: float, up: float, rate: float = 100.0) -> Way:
    small = Small(rate, 1.0, 2.0)
    return Way(Body(down, {"client node": 1.0}), Body(up, {"client node": 3.0}), {1: small, 16: small})


def test_medians_are_taken_of_each_figure_and_ratios_of_both_directions() -> None:
    one = middle([way(10, 30, 5), way(30, 10, 7), way(20, 20, 6)])
    assert (one.down.mb_per_second, one.up.mb_per_second, one.small[16].per_second) == (20, 20, 6)
    assert one.up.cpu_per_gb == {"client node": 3.0}
    ways = {("direct", "plain TCP"): way(40, 40), ("direct", "our nodes"): one}
    assert ratio(ways, "direct", "our nodes", "plain TCP") == pytest.approx(0.5)
    assert ratio(ways, "direct", "our nodes", "TCP in Nebula") is None
    assert ratio(ways, "direct", "plain TCP", "plain TCP") is None


def test_the_tables_show_what_there_is() -> None:
    joins = {"with the VPN": [{"program": 1.0, "answered": 2.0}, {"program": 3.0, "answered": 4.0}]}
    lines = list(joining_lines(joins))
    assert [line.split()[-3:] for line in lines if line.startswith("first answer")] == [["3.00,", "worst", "4.00"]]
    assert any(line.startswith("the overlay is up") and line.endswith("-") for line in lines)
    ways = {("direct", "plain TCP"): way(40, 40), ("direct", "our nodes"): way(20, 20)}
    text = "\n".join(carrying_lines(ways))
    assert "0.50" in text
    assert "1.0, 3.0" in text
    assert document(joins, ways)["carrying"][1]["of_plain_tcp"] == pytest.approx(0.5)


def test_quantiles() -> None:
    assert quantiles([]) == {"p50_ms": 0, "p99_ms": 0}
    assert quantiles([0.002]) == {"p50_ms": 2, "p99_ms": 2}
    found = quantiles([number / 1000 for number in range(101)])
    assert (found["p50_ms"], found["p99_ms"]) == (pytest.approx(50), pytest.approx(99))
