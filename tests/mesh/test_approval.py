"""A mesh that lets nobody in without its operator: a real node waits, says so, and works as soon as it may."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from node.wire import credentials
from tests.support.real_mesh import RealMesh, real_mesh, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]
NER = "ner-extraction"


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealMesh]:
    with real_mesh(tmp_path_factory.mktemp("approval")) as mesh:
        mesh.start_coordinator("--require-approval")
        yield mesh


def reasons(mesh: RealMesh, name: str) -> dict[str, str]:
    return {reason["code"]: reason["text"] for reason in mesh.status(name)["reasons"]}


def role(mesh: RealMesh, name: str) -> str:
    files = [json.loads(path.read_bytes()) for path in (mesh.folder / name).glob("member*.json")]
    (kept,) = [file for file in files if "credential" in file]
    return credentials.peek(kept["credential"]).role


def workers(mesh: RealMesh) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = mesh.admin("worker", "list")["workers"]
    return found


def test_it_waits_says_so_and_works_as_soon_as_it_is_let_in(mesh: RealMesh) -> None:
    link = mesh.invite(2, "--trust", "vetted")
    mesh.start_node("w1", link, "--allow", NER)
    wait_until(lambda: "waiting-for-approval" in reasons(mesh, "w1"), "the volunteer is told", 120)
    assert mesh.status("w1")["services"] == []
    assert role(mesh, "w1") == "applicant"
    assert [(worker["worker_id"], worker["status"], worker["trust"]) for worker in workers(mesh)] == [
        ("w1", "pending", "vetted")
    ]
    assert mesh.admin("status")["pending"] == 1
    key = mesh.key()
    assert mesh.call("ner", {"text": "£5"}, key).status == 503
    assert mesh.call_from("w1", "ner", {"text": "£5"}).status == 503

    assert mesh.admin("worker", "approve", "w1")["status"] == "let-in"
    mesh.wait_for_service(NER)
    wait_until(lambda: role(mesh, "w1") == "worker", "it has a worker's credential", 120)
    wait_until(lambda: mesh.call("ner", {"text": "£5"}, key).status == 200, "it answers", 120)
    assert "waiting-for-approval" not in reasons(mesh, "w1")
    assert mesh.admin("status")["pending"] == 0

    mesh.start_node("w2", link)
    wait_until(lambda: "waiting-for-approval" in reasons(mesh, "w2"), "the next one waits", 120)
    assert [worker["worker_id"] for worker in workers(mesh)] == ["w2", "w1"], "who waits comes first"
    assert mesh.admin("worker", "refuse", "w2")["status"] == "refused"
    wait_until(lambda: mesh.status("w2")["phase"] == "unenrolled" or "coordinator-refused" in reasons(mesh, "w2"),
               "who was turned away is told", 120)  # fmt: skip
