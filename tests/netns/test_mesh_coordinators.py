"""Two coordinators, and one dies: what went through it goes by another route at once, and soon by the other relay.

All homes are behind symmetric routers, so that what they say to one another is relayed, by either coordinator or by
both. The router of one of them forwards a port, so that there is another way to it; to the other there is none.
With `pytest -s` the times are shown; nothing here fails over a time.
"""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.support.overlay_mesh import PROGRAMS, Coordinator, OverlayMesh, Worker, measured, until

pytestmark = [pytest.mark.needs(*PROGRAMS, "kill"), pytest.mark.timeout(900)]
DOCUMENTS, NAMES, SEARCHES = "document-processing", "ner-extraction", "rag-embeddings"
LAN, IP = "192.168.77.0/24", "192.168.77.2"  # of the home whose router forwards a port
WITHOUT = 15.0  # seconds of calls around a coordinator's death
LIMIT = 200.0  # seconds that a caller waits for an answer


def built(mesh: OverlayMesh) -> Worker:
    """Put the mesh together; return the home that calls the others."""
    link = mesh.coordinator().invite(3, "--trust", "vetted")
    mesh.coordinator()
    caller = mesh.worker(mesh.home("caller", "symmetric"), link, "--allow", SEARCHES)
    router = mesh.lab.router("r-forwards", "symmetric", lan=LAN, publish=(f"tcp:8000:{IP}:8000",))
    ends = ("--host", "0.0.0.0", "--tunnel-url", f"http://{router.ip}:8000")
    mesh.worker(mesh.lab.host("forwards", router, IP), link, "--allow", DOCUMENTS, *ends)
    mesh.worker(mesh.home("names", "symmetric"), link, "--allow", NAMES)
    for worker in mesh.workers.values():
        worker.until_vpn("direct", "relayed")
    for service in (DOCUMENTS, NAMES):
        caller.until_calls(service, is_by_overlay, "over the overlay")
    caller.until_vpn("relayed")
    return caller


def is_by_overlay(answer: dict[str, Any]) -> bool:
    return bool(answer["status"] == 200 and answer["headers"]["X-RMA-Route"] == "vpn")


def dies(caller: Worker, coordinator: Coordinator, what: str) -> None:
    """Kill a coordinator while two services are called: one has another route, one has to wait for the overlay."""
    loops = {
        service: caller.call_meanwhile(service, seconds=WITHOUT, limit=LIMIT) for service in (DOCUMENTS, NAMES)
    }
    time.sleep(0.5)  # so that both are under way; nothing is wrong where they are not
    coordinator.kill()
    begin = time.monotonic()
    for service in (NAMES, DOCUMENTS):
        caller.until_calls(service, is_by_overlay, "over the overlay")
        measured(f"{what}: {service} is answered over the overlay", time.monotonic() - begin)
    for service, loop in loops.items():
        answers = loop()
        longest = max(answer["seconds"] for answer in answers)
        failed = [answer for answer in answers if answer["status"] != 200]
        routes = sorted({answer["headers"].get("X-RMA-Route", "none") for answer in answers})
        calls = f"{len(answers)} calls of {service} by {' and '.join(routes)}, {len(failed)} of them in vain"
        measured(f"{what}: the longest of {calls}", longest)
        if service == DOCUMENTS:
            assert failed == []
        else:  # nothing else can be done than to say so
            assert {answer["status"] for answer in failed} <= {502, 503}


def comes_back(mesh: OverlayMesh, coordinator: Coordinator) -> None:
    """Start a coordinator again and wait until all others have tunnels to it, by which they relay."""
    begin = time.monotonic()
    coordinator.serve()

    def joined() -> bool | None:
        overlay = coordinator.admin("status")["overlay"]
        return (overlay["peers_direct"] + overlay["peers_relayed"] > len(mesh.workers)) or None

    until(joined, "all have tunnels to the coordinator that came back")
    measured("it is back, and all have tunnels to it", time.monotonic() - begin)


def test_when_one_of_two_coordinators_dies_relayed_homes_go_on(mesh: OverlayMesh) -> None:
    caller = built(mesh)
    first, second = mesh.coordinators
    dies(caller, second, "the second coordinator dies")
    comes_back(mesh, second)
    for worker in mesh.workers.values():
        assert worker.until_phase("online")["coordinator"] == first.url, "there was no other, and none goes back"
    dies(caller, first, "the coordinator dies that all talk to")
    for worker in mesh.workers.values():
        assert worker.until_vpn("direct", "relayed")["ip"]
