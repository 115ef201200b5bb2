"""The benchmark of the store runs with every engine and prints a line for each measurement."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import store


@pytest.mark.parametrize("engine", ["SQLite", pytest.param("etcd, members: 1", marks=pytest.mark.needs("etcd"))])
def test_it_prints_a_table(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    store.main(["--seconds", "0.2", "--engine", engine])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + len(store.WORKS)
    for line in lines[2:]:
        name, _, median, slowest, rate = (part.strip() for part in line.strip("|").split("|"))
        assert name == engine
        assert 0 <= float(median) <= float(slowest)
        assert float(rate.replace(",", "")) > 0
    assert list(tmp_path.iterdir()) == []
