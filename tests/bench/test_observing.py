"""The benchmark of what observing costs runs and prints what it found."""

from __future__ import annotations

import json

import pytest

from bench import observing


def test_it_prints_one_document_for_programs_and_a_table_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    observing.main(["--requests", "2500", "--rounds", "1", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert len(found) == 7
    assert all(cost > 0.0 for cost in found.values())
    observing.main(["--requests", "2500", "--rounds", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 8
    assert lines[-1].startswith("access log, 100% of requests")
