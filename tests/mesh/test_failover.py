"""What must go on when machines vanish: real coordinators and nodes, killed without a word."""

from __future__ import annotations

import collections
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.real_mesh import RealMesh, http, real_mesh, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(900)]
NER = "ner-extraction"
TEXT = {"text": "Mrs Jane Doe owes £250 to Example Bank by 3 May 2026."}


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[RealMesh]:
    with real_mesh(tmp_path) as mesh:
        yield mesh


def test_three_workers_share_the_load_and_one_may_die_in_the_middle(mesh: RealMesh) -> None:
    mesh.start_coordinator()
    link, key = mesh.invite(3), mesh.key("--rate", "10000/min")
    for name in ("w1", "w2", "w3"):
        mesh.start_node(name, link, "--allow", NER)
    mesh.wait_for_service(NER, 3)

    served: collections.Counter[str] = collections.Counter()
    for number in range(300):
        if number == 150:
            assert len(served) == 3, f"all three share the load: {served}"
            mesh.nodes["w2"].kill()
        answer = mesh.call("ner", TEXT, key, **{"Idempotency-Key": f"request-{number}"})
        assert answer.status == 200, answer.body
        served[answer.headers["X-RMA-Worker"]] += 1
    assert sum(served.values()) == 300
    assert min(served["w1"], served["w3"]) > 20, served


def test_nodes_find_one_another_while_the_coordinator_is_dead(mesh: RealMesh) -> None:
    coordinator = mesh.start_coordinator()
    link = mesh.invite(7)
    workers = [f"w{number}" for number in range(1, 7)]
    for name in workers:
        mesh.start_node(name, link, "--allow", NER)
    mesh.start_node("caller", link, "--allow", "rag-embeddings")
    mesh.wait_for_service(NER, 6)
    wait_until(lambda: mesh.status("caller")["phase"] == "online", "the caller is online")
    coordinator.kill()

    used: collections.Counter[str] = collections.Counter()
    before = json.loads(mesh.node_command("caller", "stats", "--json").stdout)
    result = mesh.node_command("caller", "call", NER, "--data", json.dumps(TEXT), "--verbose")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["counts"]["money"] == 1
    used[result.stderr.split("worker=")[1].split()[0]] += 1
    while used.total() < 40 or (len(used) < 3 and used.total() < 200):  # who is asked is drawn, 5 : 3 : 2
        answer = mesh.call_from("caller", NER, TEXT)
        assert (answer.status, answer.json["counts"]["money"]) == (200, 1)
        used[answer.headers["X-RMA-Worker"]] += 1
    stats = json.loads(mesh.node_command("caller", "stats", "--json").stdout)
    assert len(used) >= 3, used
    hits = stats["cache_hits"] - before["cache_hits"]
    misses = stats["cache_misses"] - before["cache_misses"]
    assert hits / (hits + misses) >= 0.7, stats
    assert stats["cache_hit_rate"] >= 0.7, stats
    assert stats["dht"]["joined"] and stats["dht"]["contacts"] >= 1, stats
    assert "\nDHT\nnode_id " in mesh.node_command("caller", "stats").stdout
    status = wait_until(
        lambda: (found := mesh.status("caller"))["phase"] == "degraded" and found, "it says what is wrong"
    )
    assert status["reasons"][0]["code"] == "coordinator-unreachable"


def test_three_power_cuts_of_the_coordinator_lose_nothing(mesh: RealMesh) -> None:
    port = 0
    keys: list[str] = []
    workers: list[str] = []
    for round_number in range(3):
        coordinator = mesh.start_coordinator(port=port)
        port = int(coordinator.url.rsplit(":", 1)[1])
        for name in workers:
            wait_until(lambda name=name: name in mesh.workers_running(NER), f"{name} is back")  # type: ignore[misc]
        link = mesh.invite(1)
        keys.append(mesh.key())
        name = f"w{round_number}"
        mesh.start_node(name, link, "--allow", NER)
        workers.append(name)
        coordinator.kill()

    mesh.start_coordinator(port=port)
    for name in workers:
        wait_until(lambda name=name: name in mesh.workers_running(NER), f"{name} is back")  # type: ignore[misc]
    for key in keys:
        assert mesh.call("ner", TEXT, key).status == 200
    assert {worker["worker_id"] for worker in mesh.admin("worker", "list")["workers"]} == set(workers)
    actions = collections.Counter(line["action"] for line in mesh.admin("audit", "--limit", "1000")["audit"])
    assert actions["enrolled"] == 3, actions
    assert sum(number for action, number in actions.items() if "key" in action) == 3, actions
    assert sum(number for action, number in actions.items() if "invite" in action and "creat" in action) == 3, (
        actions
    )
    assert http(f"{mesh.coordinator.url}/ready").status == 200  # type: ignore[union-attr]


def test_pausing_a_worker_takes_it_out_and_resuming_brings_it_back(mesh: RealMesh) -> None:
    mesh.start_coordinator()
    link, key = mesh.invite(2), mesh.key("--rate", "10000/min")
    for name in ("w1", "w2"):
        mesh.start_node(name, link, "--allow", NER)
    mesh.wait_for_service(NER, 2)
    assert mesh.node_command("w1", "pause").returncode == 0
    wait_until(lambda: mesh.status("w1")["phase"] == "paused", "w1 rests")
    wait_until(lambda: mesh.workers_running(NER) == {"w2"}, "only w2 is offered")
    served = {mesh.call("ner", TEXT, key).headers["X-RMA-Worker"] for _ in range(10)}
    assert served == {"w2"}
    assert mesh.node_command("w1", "resume").returncode == 0
    wait_until(lambda: mesh.workers_running(NER) == {"w1", "w2"}, "w1 is back")


def test_leaving_forgets_the_machine_on_both_sides(mesh: RealMesh) -> None:
    mesh.start_coordinator()
    mesh.start_node("w1", mesh.invite(1), "--allow", NER)
    mesh.wait_for_service(NER, 1)
    assert mesh.node_command("w1", "leave").returncode == 2, "it asks first"
    assert mesh.node_command("w1", "leave", "--yes").returncode == 0
    wait_until(lambda: mesh.status("w1")["phase"] == "unenrolled", "it is out")
    assert not (mesh.folder / "w1" / "membership.json").exists()
    wait_until(lambda: not mesh.workers_running(NER), "the coordinator knows")
    assert mesh.nodes["w1"].stop() == 0


def test_a_node_that_restarts_while_the_coordinator_is_dead_serves_again(mesh: RealMesh) -> None:
    coordinator = mesh.start_coordinator()
    link = mesh.invite(2)
    worker = mesh.start_node("w1", link, "--allow", NER)
    mesh.start_node("caller", link, "--allow", "rag-embeddings")
    mesh.wait_for_service(NER, 1)
    wait_until(lambda: mesh.status("caller")["dht_contacts"] >= 2, "the nodes know one another")
    remembered = worker.data_dir / "contacts.json"
    wait_until(lambda: remembered.exists() and remembered.read_text().count("port") >= 2, "and remember it", 120)
    coordinator.kill()
    worker.kill()
    mesh.start_node("w1", "", "--allow", NER)

    def called() -> str:
        result = mesh.node_command("caller", "call", NER, "--data", json.dumps(TEXT), "--verbose")
        return result.stderr if result.returncode == 0 else ""

    assert "worker=w1" in wait_until(called, "w1 is found again without any coordinator", 120)


def test_a_revoked_machine_is_out_everywhere_within_a_heartbeat(mesh: RealMesh) -> None:
    mesh.start_coordinator()
    link, key = mesh.invite(3), mesh.key("--rate", "10000/min")
    for name in ("good", "bad"):
        mesh.start_node(name, link, "--allow", NER)
    mesh.start_node("caller", link, "--allow", "rag-embeddings")
    mesh.wait_for_service(NER, 2)
    mesh.wait_for_service("rag-embeddings")
    call = ("call", NER, "--data", json.dumps(TEXT), "--verbose")
    wait_until(lambda: "worker=bad" in mesh.node_command("caller", *call).stderr, "the caller knows it", 300)
    other = ("call", "rag", "--data", '{"query": "x"}')
    wait_until(lambda: mesh.node_command("bad", *other).returncode == 0, "it may call others")
    mesh.admin("worker", "revoke", "bad")

    wait_until(lambda: mesh.workers_running(NER) == {"good"}, "the gateway offers it no more")
    assert {mesh.call("ner", TEXT, key).headers["X-RMA-Worker"] for _ in range(10)} == {"good"}
    wait_until(lambda: mesh.node_command("bad", *other).returncode != 0, "other nodes refuse its requests")
    assert all("worker=good" in mesh.node_command("caller", *call).stderr for _ in range(10))
    status = wait_until(
        lambda: (found := mesh.status("bad"))["phase"] == "degraded" and found, "its volunteer is told"
    )
    assert status["reasons"][0]["code"] == "coordinator-refused"
    link = mesh.invite(1)
    again = mesh.node_command("bad", "enroll", link)
    assert again.returncode == 5, "it must leave first"


def test_a_letter_is_rather_not_written_than_its_notes_sent_to_a_stranger(mesh: RealMesh) -> None:
    mesh.start_coordinator()
    key = mesh.key()
    vetted = mesh.invite(2, "--trust", "vetted")
    mesh.start_node("writer", vetted, "--allow", "notes-coa")
    mesh.start_node("stranger", mesh.invite(1), "--allow", NER)
    mesh.wait_for_service("notes-coa")
    mesh.wait_for_service(NER)
    assert mesh.call("ner", TEXT, key).headers["X-RMA-Worker"] == "stranger", "what is public goes anywhere"
    notes = {"notes": "Mrs Jane Doe owes £250 to Example Bank."}
    refused = mesh.call("notes", notes, key)
    assert refused.status in (502, 503), refused.body
    mesh.start_node("helper", vetted, "--allow", NER)
    mesh.wait_for_service(NER, 2)
    wait_until(lambda: mesh.call("notes", notes, key).status == 200, "the letter is written")
    assert mesh.call("notes", notes, key).json["ner"]["worker"] == "helper"
