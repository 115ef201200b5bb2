"""The volunteer's rules on real programs: requests end, then services and their memory are gone, then back."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from tests.support.nvml import compile_stub, environment
from tests.support.real_mesh import RealMesh, real_mesh, wait_until
from tests.support.shipped import MANIFESTS

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600), pytest.mark.needs("gcc")]
NER, DOCUMENTS = "ner-extraction", "document-processing"  # the latter uses the GPU in this mesh
TEXT = json.dumps({"text": "He owes £1,200.00 to the council."}).encode()
ENDLESS = 10**6  # seconds: what is waited for here comes at once, not after some patience


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealMesh]:
    """A mesh with one machine that has a GPU, and two services there."""
    folder = tmp_path_factory.mktemp("rules")
    manifests = folder / "manifests"
    manifests.mkdir()
    text = (MANIFESTS / f"{DOCUMENTS}.toml").read_text("utf-8")
    (manifests / f"{DOCUMENTS}.toml").write_text(text.replace('tier = "cpu"', 'tier = "gpu"'), "utf-8")
    with real_mesh(folder) as mesh:
        mesh.start_coordinator("--services-dir", str(manifests))
        driver = environment(compile_stub(folder))
        mesh.environment |= {name: driver[name] for name in ("LD_LIBRARY_PATH", "NVML_STUB")}
        start(mesh, mesh.invite())
        say(mesh, "rules", "set", "resume_after_seconds", "0")
        yield mesh


def start(mesh: RealMesh, link: str = "") -> None:
    mesh.start_node("w1", link, "--allow", NER, "--allow", DOCUMENTS, "--drain-deadline", str(ENDLESS))


def say(mesh: RealMesh, *words: str) -> str:
    result = mesh.node_command("w1", *words)
    assert result.returncode == 0, result.stderr
    return result.stdout


def codes(mesh: RealMesh) -> list[str]:
    return [reason["code"] for reason in mesh.status("w1")["reasons"]]


def processes(mesh: RealMesh) -> dict[str, psutil.Process]:
    """Return the process of every service that runs on the machine."""
    found: dict[str, psutil.Process] = {}
    for child in psutil.Process(mesh.nodes["w1"].process.pid).children(recursive=True):
        try:
            words = child.cmdline()
        except psutil.NoSuchProcess:
            continue
        found |= {name: child for name in (NER, DOCUMENTS) if name in words}
    return found


def memory(mesh: RealMesh) -> int:
    """Return the bytes that all services hold together."""
    return sum(child.memory_info().rss for child in processes(mesh).values())


def wait_for_both(mesh: RealMesh) -> None:
    mesh.wait_for_service(NER)
    mesh.wait_for_service(DOCUMENTS)


class HalfSent:
    """A request to a service of the machine, of which the last byte is still to come."""

    def __init__(self, mesh: RealMesh, path: str, body: bytes, content_type: str = "application/json") -> None:
        control = json.loads((mesh.folder / "w1" / "control.json").read_text("utf-8"))
        where = urlsplit(control["url"])
        head = (
            f"POST /call/{path} HTTP/1.1\r\nHost: {where.netloc}\r\nAuthorization: Bearer {control['token']}\r\n"
            f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        self._last = body[-1:]
        self._socket = socket.create_connection((where.hostname, where.port), timeout=120)
        self._socket.sendall(head.encode() + body[:-1])
        wait_until(lambda: mesh.status("w1")["in_flight"] == 1, "the request is under way")

    def end(self) -> tuple[int, dict[str, Any]]:
        """Send what is left; return the answer's status and document."""
        with self._socket:
            self._socket.sendall(self._last)
            answer = b"".join(iter(lambda: self._socket.recv(65536), b""))
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(body[body.index(b"{") : body.rindex(b"}") + 1])


def while_under_way(mesh: RealMesh, request: HalfSent, service: str, rest: Callable[[], object]) -> None:
    """Have a service rest while it has a request: nobody is sent there, it answers, and then it is gone."""
    process = processes(mesh)[service]
    rest()
    wait_until(lambda: not mesh.workers_running(service), f"nobody is sent to {service} any more")
    assert process.is_running()
    status, answer = request.end()
    assert status == 200, answer
    wait_until(lambda: not process.is_running(), f"{service} ends")  # one that is ending has lost its name already
    assert service not in processes(mesh)


def test_a_rule_drains_stops_gives_the_memory_back_and_everything_returns(mesh: RealMesh) -> None:
    wait_for_both(mesh)
    assert memory(mesh) > 2**20
    say(mesh, "rules", "set", "schedule.everyday", "none")
    assert mesh.status("w1")["rest"] == "none", "the schedule is not switched on yet"
    while_under_way(
        mesh, HalfSent(mesh, "ner", TEXT), NER, lambda: say(mesh, "rules", "set", "schedule.enabled", "on")
    )
    wait_until(lambda: mesh.status("w1")["phase"] == "paused", "it rests")
    wait_until(lambda: not processes(mesh), "no service is left")
    assert memory(mesh) == 0
    assert codes(mesh)[0] == "schedule"
    assert "outside the hours" in say(mesh, "status")
    assert "your rules do" in say(mesh, "resume"), "a rule is not lifted by resuming"
    assert mesh.call("ner", {"text": "."}, mesh.key()).status == 503
    say(mesh, "rules", "set", "schedule.everyday", "0:00-24:00")
    wait_for_both(mesh)
    assert mesh.call("ner", {"text": "."}, mesh.key()).status == 200


def test_what_uses_the_gpu_rests_alone(mesh: RealMesh) -> None:
    wait_for_both(mesh)
    request = HalfSent(mesh, DOCUMENTS, b"Only some text.", "text/plain")
    while_under_way(mesh, request, DOCUMENTS, lambda: say(mesh, "snooze", "1h", "--gpu"))
    status = mesh.status("w1")
    assert status["rest"] == "gpu"
    assert status["phase"] != "paused"
    assert status["reasons"][0]["code"] == "snoozed"
    assert status["reasons"][0]["until"]
    wait_until(lambda: mesh.workers_running(NER) == {"w1"}, "the other service goes on")
    assert mesh.call("ner", {"text": "."}, mesh.key()).status == 200
    say(mesh, "resume")
    wait_for_both(mesh)


def test_without_the_mesh_the_machine_is_silent_but_stays_a_member(mesh: RealMesh) -> None:
    wait_for_both(mesh)
    say(mesh, "rules", "set", "mesh_on", "off")
    wait_until(lambda: mesh.status("w1")["phase"] == "paused", "it rests")
    wait_until(lambda: not processes(mesh), "no service is left")
    wait_until(lambda: not mesh.workers_running(NER), "the coordinator knows")
    wait_until(lambda: not udp_sockets(mesh), "it has left the DHT")
    status = mesh.status("w1")
    assert (codes(mesh)[0], status["worker_id"]) == ("mesh-off", "w1")
    assert not status["channel"]["open"]
    refused = mesh.node_command("w1", "call", "ner", "--data", "{}")
    assert "switched off" in refused.stderr
    say(mesh, "rules", "set", "mesh_on", "on")
    wait_for_both(mesh)
    assert mesh.call("ner", {"text": "."}, mesh.key()).status == 200
    assert udp_sockets(mesh)


def udp_sockets(mesh: RealMesh) -> int:
    """Return how many UDP ports the node itself has open."""
    return len(psutil.Process(mesh.nodes["w1"].process.pid).net_connections("udp"))


def test_rules_that_nobody_can_read_make_the_machine_rest_until_it_has_others(mesh: RealMesh) -> None:
    wait_for_both(mesh)
    assert mesh.nodes["w1"].stop() == 0
    file = Path(mesh.folder / "w1" / "rules.json")
    kept = file.read_bytes()
    file.write_bytes(kept[:-2])
    start(mesh)
    wait_until(lambda: "rules-unreadable" in codes(mesh), "it says what is wrong")
    assert mesh.status("w1")["phase"] == "paused"
    assert not processes(mesh)
    assert file.read_bytes() == kept[:-2]
    refused = mesh.node_command("w1", "rules", "set", "grace_seconds", "1")
    assert (refused.returncode, "rules reset" in refused.stderr) == (5, True), "nobody knows what that would lift"
    assert mesh.status("w1")["phase"] == "paused"
    say(mesh, "rules", "reset")
    wait_for_both(mesh)
    assert file.with_suffix(".unreadable-1").read_bytes() == kept[:-2]
