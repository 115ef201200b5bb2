"""The clock of a machine is set anew under a running coordinator: it says so, and goes on."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.support.real_mesh import RealMesh, http, real_mesh, wait_until

LIBRARIES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib/faketime/libfaketimeMT.so.1")


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[RealMesh]:
    with real_mesh(tmp_path) as mesh:
        yield mesh


@pytest.mark.processes
@pytest.mark.needs("faketime")
@pytest.mark.skipif(sys.platform != "linux", reason="faketime is for Linux")
def test_an_hour_forward_and_back_is_told_and_it_serves_on(mesh: RealMesh, tmp_path: Path) -> None:
    assert shutil.which("faketime")
    (library,) = [path for pattern in LIBRARIES for path in Path("/").glob(pattern[1:])]
    clock = tmp_path / "clock"
    clock.write_text("+0")
    mesh.environment |= {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    coordinator = mesh.start_coordinator()

    token = json.loads((coordinator.data_dir / "admin.json").read_bytes())["token"]

    def warned() -> list[str]:
        answer = http(coordinator.url + "/api/admin/overview", headers={"Authorization": f"Bearer {token}"})
        return [one["text"] for one in answer.json["warnings"] if "clock" in one["text"]]

    def told(word: str) -> bool:
        return any(word in text for text in warned())

    assert warned() == []
    for offset, word in (("+3600", "jumped forward by 60 min"), ("+0", "jumped back by 60 min")):
        clock.write_text(offset)
        wait_until(partial(told, word), word, 120)
        assert word in coordinator.log_text()
        assert http(coordinator.url + "/ready").status == 200
    assert coordinator.stop() == 0
