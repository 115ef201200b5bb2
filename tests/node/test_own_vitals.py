"""What a real node has counted of a real service that was asked."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.real_mesh import RealMesh, real_mesh

pytestmark = pytest.mark.processes


def given(mesh: RealMesh) -> Any:
    result = mesh.node_command("w-here", "contribution", "--json")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_requests_and_processor_time_of_a_service_are_counted_and_kept(tmp_path: Path) -> None:
    with real_mesh(tmp_path) as mesh:
        mesh.start_coordinator()
        link = mesh.invite(1)
        mesh.start_node("w-here", link, "--allow", "ner-extraction", "--watts-per-core", "20")
        call = ("call", "ner-extraction/extract", "--data", '{"text": "Mr Smith owes 500 pounds."}')
        deadline = time.monotonic() + 120
        while (answer := mesh.node_command("w-here", *call)).returncode and time.monotonic() < deadline:
            time.sleep(0.2)
        assert answer.returncode == 0, answer.stderr
        told = given(mesh)
        assert told["services"]["ner-extraction"]["requests"] == 1
        assert told["today"]["cpu_seconds"] > 0.05, "the start of the service alone"
        assert told["today"]["energy_joules"] == pytest.approx(20 * told["today"]["cpu_seconds"], rel=0.01)
        mesh.nodes["w-here"].stop()
        mesh.start_node("w-here")
        again = given(mesh)
        assert again["total"]["requests"] == 1
        assert again["total"]["cpu_seconds"] >= told["total"]["cpu_seconds"]
        people = mesh.node_command("w-here", "contribution")
        assert "in all" in people.stdout
