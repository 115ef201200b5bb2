"""`rma-mesh-node diagnostics`: writes the bundle, lists it, and says what is wrong with a place."""

from __future__ import annotations

import zipfile
from pathlib import Path

import msgspec
import pytest

from node.cli import main


def test_it_writes_a_zip_and_lists_what_is_inside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, file = tmp_path / "data", tmp_path / "out.zip"
    data.mkdir()
    assert main(["diagnostics", str(file), "--data-dir", str(data)]) == 0
    assert "versions.json" in capsys.readouterr().out
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
    assert oct(file.stat().st_mode)[-3:] == "600"
    assert main(["diagnostics", "-", "--json", "--data-dir", str(data)]) == 0
    told = msgspec.json.decode(capsys.readouterr().out)
    assert [one["name"] for one in told] == ["versions.json", "activity.json"]
    assert all(one["bytes"] > 0 and one["about"] for one in told)


def test_logs_of_services_are_in_it_only_where_somebody_wants_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "services" / "notes-coa" / "service.log"
    log.parent.mkdir(parents=True)
    log.write_text("a letter for Jane Doe")
    for flags, there in (((), False), (("--service-logs",), True)):
        assert main(["diagnostics", "-", "--json", "--data-dir", str(tmp_path), *flags]) == 0
        names = [one["name"] for one in msgspec.json.decode(capsys.readouterr().out)]
        assert ("services/notes-coa.log" in names) is there


def test_places_that_cannot_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnostics", "x.zip", "--data-dir", str(tmp_path / "none")]) == 1
    assert "no data directory" in capsys.readouterr().err
    assert main(["diagnostics", str(tmp_path / "no" / "x.zip"), "--data-dir", str(tmp_path)]) == 1
    assert "cannot be written" in capsys.readouterr().err
