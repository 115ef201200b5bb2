"""The mesh's key is rotated while requests run: none fails, and who was switched off all the time comes back."""

from __future__ import annotations

import collections
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.real_mesh import RealMesh, real_mesh, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(900)]
NER = "ner-extraction"
TEXT = {"text": "Mrs Jane Doe owes £250 to Example Bank by 3 May 2026."}


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[RealMesh]:
    with real_mesh(tmp_path) as mesh:
        yield mesh


class Calls(threading.Thread):
    """Calls a service through the gateway without a pause until it is told to stop."""

    def __init__(self, mesh: RealMesh, key: str) -> None:
        super().__init__(daemon=True)
        self._mesh, self._key, self._over = mesh, key, threading.Event()
        self.served: collections.Counter[str] = collections.Counter()
        self.failures: list[tuple[int, bytes]] = []

    def run(self) -> None:
        while not self._over.is_set():
            answer = self._mesh.call("ner", TEXT, self._key)
            if answer.status == 200:
                self.served[answer.headers["X-RMA-Worker"]] += 1
            else:
                self.failures.append((answer.status, answer.body))

    def stop(self) -> None:
        self._over.set()
        self.join(120)


def keys_of(mesh: RealMesh) -> Any:
    return mesh.admin("status")["mesh_keys"]


def wait_for_phase(mesh: RealMesh, phase: str) -> None:
    wait_until(lambda: keys_of(mesh)["rotation"] == phase, f"the rotation is {phase}")


def chain_of(mesh: RealMesh, name: str) -> Any:
    kept = json.loads((mesh.folder / name / "membership.json").read_text())
    return kept["mesh_chain"] and (len(kept["mesh_chain"]["handovers"]), kept["mesh_chain"]["phase"])


def call_from(mesh: RealMesh, name: str) -> None:
    result = mesh.node_command(name, "call", NER, "--data", json.dumps(TEXT))
    assert result.returncode == 0, result.stderr


def test_a_coordinator_that_is_killed_in_a_rotation_goes_on(mesh: RealMesh) -> None:
    mesh.start_coordinator()
    founding = keys_of(mesh)["keys"]
    for phase in ("spreading", "replacing", "steady"):
        assert mesh.admin("mesh", "rotate-key", "--force")["rotation"] == phase
        if phase == "spreading":
            continue  # test_mesh_keyring.py ends it at every moment of every step
        assert mesh.coordinator is not None
        mesh.coordinator.kill()
        mesh.start_coordinator()
        assert keys_of(mesh)["rotation"] == phase
    assert [key["number"] for key in keys_of(mesh)["keys"]] == [1]
    assert keys_of(mesh)["keys"] != founding
    assert [path.name for path in (mesh.folder / "coordinator").glob("mesh*.key")] == ["mesh.key"]


def test_no_request_fails_while_the_key_is_rotated(mesh: RealMesh) -> None:
    """One worker serves all the time, so that nobody takes its place; another one calls it from node to node.

    A third is off from before the rotation until after it.
    """
    mesh.start_coordinator("--key-rotation-settle", "4", "--address-rate", "100000/min")
    link, key = mesh.invite(5), mesh.key("--rate", "100000/min")
    for name in ("w1", "sleeper"):
        mesh.start_node(name, link, "--allow", NER)
    mesh.start_node("caller", link, "--allow", "rag-embeddings")
    mesh.wait_for_service(NER, 2)
    mesh.nodes["sleeper"].stop()
    wait_until(lambda: mesh.workers_running(NER) == {"w1"}, "the sleeper has gone")

    calls = Calls(mesh, key)
    calls.start()
    mesh.admin("mesh", "rotate-key")
    wait_until(lambda: keys_of(mesh)["waiting_for"] == ["sleeper"], "all others have heard of the new key")
    assert chain_of(mesh, "w1") == (1, "spreading"), "and keep it"
    assert keys_of(mesh)["rotation"] == "spreading"
    call_from(mesh, "caller")
    mesh.admin("mesh", "rotate-key", "--force")  # for the sleeper's credential is good for a week
    wait_until(lambda: keys_of(mesh)["waiting_for"] == ["sleeper"], "all others have credentials by the new key")
    assert keys_of(mesh)["rotation"] == "replacing"
    call_from(mesh, "caller")
    settled = sum(calls.served.values())
    wait_until(lambda: sum(calls.served.values()) > settled + 50, "requests go on")
    mesh.admin("mesh", "rotate-key", "--force")
    assert keys_of(mesh)["rotation"] == "steady"
    wait_until(lambda: chain_of(mesh, "w1") == (1, "steady"), "the worker has dropped the old key")
    wait_until(lambda: chain_of(mesh, "caller") == (1, "steady"), "the caller has dropped it too")
    call_from(mesh, "caller")
    settled = sum(calls.served.values())
    wait_until(lambda: sum(calls.served.values()) > settled + 50, "requests go on")
    calls.stop()
    assert not calls.failures
    assert set(calls.served) == {"w1"}

    assert chain_of(mesh, "sleeper") is None
    mesh.start_node("sleeper", "", "--allow", NER)
    wait_until(lambda: "sleeper" in mesh.workers_running(NER), "it is back, without a new invite", 120)
    assert chain_of(mesh, "sleeper") == (1, "steady")
    mesh.start_node("late", link, "--allow", NER)  # with an invite that pins the key that is gone
    mesh.wait_for_service(NER, 3)
