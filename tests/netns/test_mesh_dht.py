"""The DHT over the overlay, far apart and lossy: every lookup succeeds, and nobody is ever isolated.

Each router's cable loses 5 % of the packets of each direction and adds 35 ms: two nodes are 140 ms apart and
lose about 10 % of what they send one another; to a coordinator it is 70 ms and 5 %.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.netns.conftest import reason
from tests.support.netlab import Kind
from tests.support.overlay_mesh import DHT_PORT, PORT, PROGRAMS, OverlayMesh, Worker, overlay_mesh

pytestmark = [pytest.mark.needs(*PROGRAMS), pytest.mark.timeout(600)]
DELAY, LOSS = 0.035, 0.05
ROUNDS = 4  # of lookups of everything by everybody
LEAST = 3  # contacts
HOMES: dict[str, tuple[Kind, str]] = {
    "cone-1": ("cone", "ner-extraction"),
    "cone-2": ("cone", "document-processing"),
    "cone-3": ("cone", "notes-coa"),
    "sym-1": ("symmetric", "ner-extraction"),
    "sym-2": ("symmetric", "document-processing"),
    "sym-3": ("symmetric", "rag-embeddings"),
}
SERVICES = sorted({service for _, service in HOMES.values()})
THOUSAND_PACKETS = """
import socket, sys
with socket.socket(type=socket.SOCK_DGRAM) as sender:
    for _ in range(1001):
        sender.sendto(b"", (sys.argv[1], 9))
"""
DIRECT = [name for name, (kind, _) in HOMES.items() if kind == "cone"]


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[OverlayMesh]:
    why = reason()
    if why is not None:
        pytest.skip(why)
    with overlay_mesh(tmp_path) as built:
        yield built


def run(worker: Worker, link: str = "") -> None:
    """Start a node that runs one service and remembers nobody whom it has found."""
    worker.run(link, "--allow", HOMES[worker.name][1], "--finger-cache-ttl", "0", "--finger-cache-stale", "0")


def all_join(mesh: OverlayMesh) -> None:
    """Start every node behind a router of its own, all at once; once they are in the overlay, lines become bad."""
    link = mesh.coordinators[0].invite(len(HOMES), "--trust", "vetted")
    for name, (kind, _) in HOMES.items():
        mesh.workers[name] = Worker(mesh.home(name, kind), mesh.folder)
    at_once(mesh, lambda worker: run(worker, link))
    at_once(mesh, until_in_the_overlay)
    until_direct(mesh)
    for worker in mesh.workers.values():
        mesh.lab.distance(worker.machine, DELAY, LOSS)


def at_once(mesh: OverlayMesh, do: Callable[[Worker], Any], names: Collection[str] = HOMES) -> None:
    with ThreadPoolExecutor(len(names)) as threads:
        list(threads.map(do, [mesh.workers[name] for name in names]))


def contacts(worker: Worker) -> int:
    found: int = worker.look("/stats")["dht"]["contacts"]
    return found


def until_there_are_contacts(worker: Worker) -> None:
    worker.until(lambda: contacts(worker) >= LEAST or None, "has contacts")


def until_in_the_overlay(worker: Worker) -> None:
    worker.until(lambda: vpn(worker)["state"] in ("direct", "relayed") or None, "reaches the others")


def vpn(worker: Worker) -> dict[str, str]:
    told: dict[str, str] = worker.look("/view")["state"]["vpn"]
    return told


def found(worker: Worker, service: str) -> set[str]:
    """Look a service up; return who offers it as the DHT told. Only that nobody does is remembered, for a while."""
    told = worker.look(f"/explain/{service}")
    assert not (told["lookup"]["cached"] and told["candidates"])
    return {one["worker_id"] for one in told["candidates"] if one["source"] == "dht"}


def until_direct(mesh: OverlayMesh) -> None:
    """Wait until the nodes that can reach one another directly do so.

    Which way wins is chance at first, and Nebula looks for a better one after each thousand packets: it gets them.
    """

    def indirect(worker: Worker) -> list[Worker]:
        peers = worker.peers()
        ways = {name: peers.get(name, {}).get("tunnel") for name in DIRECT if name != worker.name}
        return [mesh.workers[name] for name, way in ways.items() if way != "direct"]

    def is_direct(worker: Worker) -> bool:
        for other in indirect(worker):
            worker.space.run(sys.executable, "-c", THOUSAND_PACKETS, vpn(other)["ip"])
        return not indirect(worker)

    at_once(
        mesh, lambda worker: worker.until(lambda: is_direct(worker) or None, "reaches its like directly"), DIRECT
    )


def until_relayed(worker: Worker, name: str) -> None:
    """Wait until this way is known; there is no other, so the DHT's messages take it, too."""
    worker.until(lambda: worker.peers().get(name, {}).get("tunnel") == "relayed" or None, f"reaches {name}")


def others(worker: Worker, service: str, among: Collection[str] = HOMES) -> set[str]:
    return {name for name in among if HOMES[name][1] == service} - {worker.name}


def until_all_find_all(mesh: OverlayMesh, names: Collection[str] = HOMES) -> None:
    """Wait until each of these finds all of the others' services."""

    def finds_all(worker: Worker) -> bool:
        return all(found(worker, service) >= others(worker, service, names) for service in SERVICES)

    at_once(mesh, lambda worker: worker.until(lambda: finds_all(worker) or None, "finds all services"), names)


def look_up_everything(worker: Worker, least: int = LEAST) -> None:
    """Look up what others offer, again and again: it is found each time, and there are contacts at any time."""
    for service in [service for service in SERVICES if others(worker, service)] * ROUNDS:
        there = contacts(worker)
        assert there >= least, f"{worker.name} has {there} contacts; its log:\n{worker.tail()}"
        assert found(worker, service) & others(worker, service), f"{worker.name} finds nobody for {service}"


def is_in_the_overlay(worker: Worker) -> None:
    """Look from outside of the program at where its DHT's socket is bound."""
    ip = vpn(worker)["ip"]
    rows = worker.space.run("cat", "/proc/net/udp").stdout.splitlines()[1:]
    bound = {address(row.split()[1]) for row in rows}
    assert {host for host, port in bound if port == DHT_PORT} == {ip}, bound


def address(text: str) -> tuple[str, int]:
    """Read an address as Linux writes it: the host's bytes in the machine's order, little-endian here."""
    host, port = text.split(":")
    return ".".join(str(byte) for byte in reversed(bytes.fromhex(host))), int(port, 16)


def comes_over_the_overlay(answer: dict[str, Any]) -> bool:
    return bool(answer["status"] == 200 and answer["headers"]["X-RMA-Route"] == "vpn")


def close_the_registry(mesh: OverlayMesh) -> None:
    """Let nobody reach the coordinator's API outside of the overlay, where nodes ask it for workers."""
    machine = mesh.coordinators[0].machine
    rule = f'iifname "{machine.device}" tcp dport {PORT} reject with tcp reset'
    machine.space.nft("registry", f"chain arriving {{ type filter hook input priority 0;\n{rule}\n}}")


def test_lookups_succeed_and_nobody_is_isolated_through_loss_and_delay(mesh: OverlayMesh) -> None:
    coordinator = mesh.coordinator()
    all_join(mesh)
    until_all_find_all(mesh)
    at_once(mesh, until_there_are_contacts)
    at_once(mesh, is_in_the_overlay)
    until_relayed(mesh.workers["sym-1"], "sym-2")

    # Nobody but the DHT can answer any more; the coordinator still relays.
    close_the_registry(mesh)
    at_once(mesh, look_up_everything)
    for name in ("cone-1", "sym-1"):
        mesh.workers[name].until_calls("rag-embeddings", comes_over_the_overlay, "over the overlay")

    # A node that starts again is found again, and finds all: it knows no registry.
    again = mesh.workers["sym-3"]
    assert again.running().stop(60.0) == 0
    run(again)
    until_all_find_all(mesh)

    # The coordinator's whole machine goes: pairs that reach one another directly go on finding one another.
    until_direct(mesh)
    mesh.lab.isolate(coordinator.machine)
    coordinator.running().kill()
    for name in DIRECT:
        assert contacts(mesh.workers[name]) >= len(DIRECT) - 1
    until_all_find_all(mesh, DIRECT)

    # It comes back, to relay and in the DHT only: everybody finds everybody.
    mesh.lab.heal()
    coordinator.serve()
    until_all_find_all(mesh)
    at_once(mesh, until_there_are_contacts)
    at_once(mesh, lambda worker: look_up_everything(worker, least=1))
