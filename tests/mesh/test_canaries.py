"""Known requests in a real mesh: real services answer all of them rightly, and nobody is on probation."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.support.real_mesh import RealMesh, http, real_mesh, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]
SERVICES = ("document-processing", "ner-extraction", "rag-embeddings", "notes-coa")


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealMesh]:
    with real_mesh(tmp_path_factory.mktemp("canaries")) as mesh:
        mesh.start_coordinator("--canary-pause", "1")
        allowed = [word for name in SERVICES for word in ("--allow", name)]
        mesh.start_node("w1", mesh.invite(1, "--trust", "vetted"), *allowed)
        yield mesh


def results(mesh: RealMesh) -> dict[str, float]:
    assert mesh.coordinator is not None
    text = http(f"{mesh.coordinator.url}/metrics").body.decode()
    return {name: float(count) for name, count in re.findall(r'rma_canaries_total\{result="(\w+)"\} (\S+)', text)}


def test_real_services_answer_rightly(mesh: RealMesh) -> None:
    for name in SERVICES:
        mesh.wait_for_service(name)
    before = results(mesh)["right"]
    wait_until(lambda: results(mesh)["right"] >= before + 2 * len(SERVICES), "all were asked again", 120)
    assert results(mesh)["wrong"] == 0
    assert mesh.admin("worker", "show", "w1")["probation"] == []
    assert not [line for line in mesh.admin("audit")["audit"] if "probation" in line["action"]]
