"""The benchmark of certificates runs as it is called, small, and tells what it promises to tell."""

from __future__ import annotations

import json

import pytest

from bench import certificates


@pytest.mark.needs("nebula-cert")
def test_it_prints_one_document_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    certificates.main(["--seconds", "0.02", "--json"])
    figures = json.loads(capsys.readouterr().out)
    assert set(figures) == {
        "signed_here",
        "read_and_verified_here",
        "member_keys_checked_here",
        "signed_by_nebula_cert",
        "times_as_quick",
    }
    assert all(figure > 0 for figure in figures.values())


def test_it_prints_lines_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    certificates.main(["--seconds", "0.01"])
    assert capsys.readouterr().out.startswith("signed here  ")
