"""The benchmark of the router runs, says what it promises, and its figures that are no times are right."""

from __future__ import annotations

import json

import pytest

from bench import routing


def test_it_prints_one_document_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    routing.main(["--decisions", "20", "--picks", "20000", "--json"])
    found = json.loads(capsys.readouterr().out)
    for name in ("decision_us_median", "decision_busy_us_median", "sorting_us_median", "two_choices_us_median"):
        assert set(found[name]) == {"3", "6", "20", "100"}
        assert all(time > 0.0 for time in found[name].values())
    assert found["picks"] == 20_000
    for load, share in {"0.2": 0.5, "0.5": 0.3, "0.8": 0.2}.items():
        assert found["distribution"][load] == pytest.approx(share, abs=0.02)
    assert found["single_flight"] == {"misses": 1000, "lookups": 1}
    assert (found["met"]["distribution"], found["met"]["single_flight"]) == (True, True)


def test_it_prints_a_table_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    routing.main(["--decisions", "5", "--picks", "1000"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["candidates", "decision", "all"]
    assert [line.split()[0] for line in lines[1:5]] == ["3", "6", "20", "100"]
    assert "lookups for 1,000 concurrent misses: 1" in lines
