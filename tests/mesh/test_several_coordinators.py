"""Three real coordinators on one store: keys are rotated and coordinators die while requests run, and none fails.

None of the three has a file of another: the mesh's keys are in the store, under a passphrase. With `pytest -s` it
is shown after how many heartbeats all nodes had moved; nothing here fails over a time.
"""

from __future__ import annotations

import collections
import json
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.real_mesh import Program, RealMesh, http, real_mesh, run, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(900)]
NER = "ner-extraction"
TEXT = {"text": "Mrs Jane Doe owes £250 to Example Bank by 3 May 2026."}
NODES = ("w1", "w2", "w3", "w4")
BEAT = 4.0  # seconds
FLAGS = (
    "--worker-heartbeat",
    str(BEAT),
    "--coordinator-heartbeat",
    "1",
    "--address-rate",
    "100000/min",
    "--key-rotation-settle",
    "2",
)
PASSPHRASE = "six words that were drawn at random"


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[RealMesh]:
    with real_mesh(tmp_path) as mesh:
        mesh.environment["RMA_KEY_PASSPHRASE"] = PASSPHRASE
        yield mesh


class Calls(threading.Thread):
    """Calls a service through one coordinator again and again until it is told to stop."""

    def __init__(self, coordinator: Program, key: str) -> None:
        super().__init__(daemon=True)
        self._url, self._over = f"{coordinator.url}/service/ner", threading.Event()
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self.served: collections.Counter[str] = collections.Counter()
        self.failures: list[tuple[int, bytes]] = []

    def run(self) -> None:
        while not self._over.wait(0.02):
            answer = http(self._url, json.dumps(TEXT).encode(), self._headers)
            if answer.status == 200:
                self.served[answer.headers["X-RMA-Worker"]] += 1
            else:
                self.failures.append((answer.status, answer.body))

    def stop(self) -> None:
        self._over.set()
        self.join(120)


def admin(program: Program, *words: str) -> Any:
    result = run("coordinator_server", *words, "--json", "--data-dir", str(program.data_dir))
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def keys_of(program: Program) -> Any:
    return admin(program, "status")["mesh_keys"]


def in_use(mesh: RealMesh) -> dict[str, str]:
    """Return the coordinators that nodes use, and have reached, by the names of the nodes."""
    found = {name: mesh.state(name) for name in NODES}
    return {name: one["coordinator"] for name, one in found.items() if one["registered"]}


def wait_until_moved(mesh: RealMesh, lost: Program, what: str) -> None:
    begun = time.monotonic()
    wait_until(lambda: len(used := in_use(mesh)) == len(NODES) and lost.url not in used.values(), what, 120)
    print(f"{what}: all have moved after {(time.monotonic() - begun) / BEAT:.1f} heartbeats")


def test_keys_are_rotated_and_coordinators_die_and_no_request_fails(mesh: RealMesh) -> None:
    first = mesh.start_coordinator(*FLAGS)
    port = int(first.url.rsplit(":", 1)[1])
    second, third = (mesh.start_another_coordinator(name, *FLAGS) for name in ("second", "third"))
    wait_until(lambda: len(admin(first, "status")["coordinators"]) == 3, "they know one another")
    assert not list(mesh.folder.glob("*/mesh*.key"))
    link, key = mesh.invite(len(NODES)), mesh.key("--rate", "100000/min")
    for name in NODES:
        mesh.start_node(name, link, "--allow", NER)
    mesh.coordinator = third
    mesh.wait_for_service(NER, 2)
    wait_until(lambda: len(in_use(mesh)) == len(NODES), "all nodes are online")

    calls = Calls(third, key)
    calls.start()
    founding = keys_of(third)["keys"][0]["fingerprint"]
    assert admin(first, "mesh", "rotate-key")["rotation"] == "spreading"
    first.kill()
    wait_until_moved(mesh, first, "the coordinator that began the rotation was killed")
    # One takes the last step, and the other hears of it a moment later.
    wait_until(lambda: {keys_of(one)["rotation"] for one in (second, third)} == {"steady"}, "it is over", 180)
    assert [one["fingerprint"] == founding for one in keys_of(third)["keys"]] == [False]
    first = mesh.start_coordinator(*FLAGS, port=port)
    assert keys_of(first)["keys"] == keys_of(third)["keys"], "who was off has caught up"
    wait_until(lambda: len(in_use(mesh)) == len(NODES), "all nodes are online, though some may have moved")

    second.process.send_signal(signal.SIGSTOP)
    try:
        wait_until_moved(mesh, second, "a coordinator was halted")
    finally:
        second.process.send_signal(signal.SIGCONT)
    first.stop()
    wait_until_moved(mesh, first, "a coordinator was stopped")
    settled = sum(calls.served.values())
    wait_until(lambda: sum(calls.served.values()) > settled + 50, "requests go on")
    calls.stop()
    assert calls.failures == []
    assert set(calls.served) <= set(NODES)
