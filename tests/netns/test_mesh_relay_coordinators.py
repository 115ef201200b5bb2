"""Three coordinators, and a worker that only two of them reach, by relay: each of the three serves its requests.

The real programs in a lab of networks. The worker's router lets nobody in and no UDP out, so that nothing but its
two WebSockets leads to it. With `pytest -s` the times are shown; nothing here fails over a time.
"""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.support.overlay_mesh import PORT, PROGRAMS, Coordinator, OverlayMesh, measured, until

pytestmark = [pytest.mark.needs(*PROGRAMS, "kill"), pytest.mark.timeout(900)]
NAMES = "ner-extraction"
QUICK = ("--vpn", "off", "--coordinator-heartbeat", "7", "--address-rate", "999999/s")
FLOOD = 20  # requests in a row


def served(coordinator: Coordinator, key: str) -> bool:
    """Tell whether a request is answered, by relay."""
    answer = coordinator.call(NAMES, key)
    return bool(answer["status"] == 200 and answer["headers"]["X-RMA-Route"] == "relay")


def named(coordinator: Coordinator) -> dict[str, str]:
    """Return the coordinators by their URLs, with how they are, as one of them shows them."""
    shown = json.loads(coordinator.ask(f"http://127.0.0.1:{PORT}/api/topology")["body"])["coordinators"]
    return {one["url"]: one["status"] for one in shown}


def channels(coordinator: Coordinator) -> float:
    """Return how many channels of workers a coordinator has."""
    lines = coordinator.ask(f"http://127.0.0.1:{PORT}/metrics")["body"].splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("rma_channels "))


def until_served(coordinator: Coordinator, key: str, what: str) -> None:
    begin = time.monotonic()
    until(lambda: served(coordinator, key) or None, f"{what}: a request is answered by relay")
    measured(f"{what}: the first answer by relay", time.monotonic() - begin)


def all_served(coordinator: Coordinator, key: str) -> None:
    answers: list[dict[str, Any]] = coordinator.call(NAMES, key, count=FLOOD)
    assert {(one["status"], one["headers"]["X-RMA-Route"]) for one in answers} == {(200, "relay")}


def test_any_coordinator_serves_a_worker_that_two_of_them_reach(mesh: OverlayMesh) -> None:
    for processes in ("1", "1", "2"):
        mesh.coordinator(*QUICK, "--workers", processes)
    first, _, third = mesh.coordinators
    everybody = {one.url for one in mesh.coordinators}
    for coordinator in mesh.coordinators:
        until(lambda: (set(named(coordinator)) == everybody) or None, "they know one another")  # noqa: B023 - at once
    key = first.key("--rate", "999999/s")
    home = mesh.home("names", "symmetric")
    mesh.lab.block_udp(home.router)
    worker = mesh.worker(home, first.invite(1), "--allow", NAMES, "--vpn", "off")
    until(lambda: (sum(map(channels, mesh.coordinators)) == 2) or None, "it has two channels")
    with_channel = [one for one in mesh.coordinators if channels(one)]
    without = next(one for one in mesh.coordinators if not channels(one))
    for coordinator in mesh.coordinators:
        until_served(coordinator, key, f"{coordinator.name}, {int(channels(coordinator))} channels")
        all_served(coordinator, key)

    main = next(one for one in mesh.coordinators if one.url == worker.status()["coordinator"])
    aside = next(one for one in with_channel if one is not main)
    main.kill()
    begin = time.monotonic()
    for coordinator in (aside, without):
        until_served(coordinator, key, f"the main one was killed, {coordinator.name}")
        all_served(coordinator, key)
    measured("both others serve", time.monotonic() - begin)
    until(lambda: named(without).get(main.url) == "stale" or None, "it is missed")
    worker.until_phase("online")
    until(lambda: channels(without) == 1 or None, "there are two channels again")
    all_served(without, key)

    main.serve(*QUICK)
    until(lambda: (set(named(main).values()) == {"active"} and len(named(main)) == 3) or None, "it is back")
    until_served(main, key, "it is back")
    assert first.admin("status")["coordinators"][0]["url"] == first.url
    third.admin("worker", "revoke", "names")
    until(lambda: not any(channels(one) for one in mesh.coordinators) or None, "it is cut off everywhere")
    for one in mesh.coordinators:  # each of which has to hear of it first
        until(lambda: one.call(NAMES, key)["status"] == 503 or None, "nobody asks it any more")  # noqa: B023 - at once
