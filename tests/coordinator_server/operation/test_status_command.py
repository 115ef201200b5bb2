"""`status` once: a table and the rest for people, one document for scripts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from coordinator_server.operation.status_command import is_rotating, waits_for_nobody
from tests.support.real_mesh import RealMesh, real_mesh, run

pytestmark = pytest.mark.processes


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[RealMesh]:
    with real_mesh(tmp_path) as mesh:
        yield mesh


def test_people_get_the_table_and_the_rest_scripts_one_document(mesh: RealMesh) -> None:
    coordinator = mesh.start_coordinator()
    words = ("status", "--data-dir", str(coordinator.data_dir))
    done = run("coordinator_server", *words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("RMA Mesh ")
    for part in ("COORDINATOR", coordinator.url, "SERVICE", "No machine is here.", ": ok, up ", "API keys 0"):
        assert part in done.stdout
    assert "bytes received" not in done.stdout
    assert "\x1b" not in done.stdout
    everything = run("coordinator_server", *words, "--all").stdout
    for part in ("mesh keys:", "overlay:", "bytes received"):
        assert part in everything
    document = json.loads(run("coordinator_server", *words, "--json").stdout)
    assert document["coordinator"] == document["overview"]["coordinator"] == coordinator.ready["coordinator_id"]
    refused = run("coordinator_server", *words, "--workers", "501")
    assert refused.returncode == 2
    assert "workers" in refused.stderr


def test_a_rotation_that_waits_for_nobody_is_told_apart() -> None:
    assert is_rotating({"rotation": "spreading"})
    assert not is_rotating({"rotation": "steady"})
    assert not is_rotating(None), "without a private network"
    assert not waits_for_nobody({})
    assert not waits_for_nobody({"mesh_keys": {"waiting": 2}})
    assert waits_for_nobody({"mesh_keys": {"waiting": 2}, "overlay": {"waiting": 0}})
