"""Workers that nobody can connect to, behind routers that let no UDP through: they serve all the same, by relay.

The real programs in a lab of networks. Heartbeats are so rare that nothing here can wait for one: what happens
after a change happens by the channel. With `pytest -s` the times are shown; nothing here fails over a time.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.netlab import Host
from tests.support.overlay_mesh import DEADLINE, PORT, PROGRAMS, Coordinator, OverlayMesh, Worker, measured
from tests.support.stream_manifests import write_stream_manifests

pytestmark = [pytest.mark.needs(*PROGRAMS, "kill"), pytest.mark.timeout(900)]
ENOUGH = 1000  # requests
MIB = 32  # up, and down
RARELY = ("--worker-heartbeat", "600")  # seconds: five times as long as anything is waited for
PATIENT = ("--worker-stale", "1900", "--worker-forgotten", "2000", "--address-rate", "999999/s")
PLAIN, AUTO = "ner-extraction", "document-processing"  # of the worker without an overlay, and of the other one
WHOLE = {"status": 200, "route": "relay", "whole": True}


class Gateway:
    """The coordinator as a client on its machine sees it."""

    def __init__(self, mesh: OverlayMesh, folder: Path) -> None:
        shelf = write_stream_manifests(folder, (PLAIN, AUTO))
        self._flags = (*RARELY, *PATIENT, "--services-dir", str(shelf))
        self.coordinator: Coordinator = mesh.coordinator(*self._flags)
        self.key = self.coordinator.key("--rate", "999999/s")

    def url(self, service: str) -> str:
        return f"http://127.0.0.1:{PORT}/service/{service}"

    def ask(self, service: str, **more: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.key}"}
        return self.coordinator.ask(self.url(service) + "/small", headers=headers, **more)

    def until_by(self, service: str, route: str) -> None:
        """Ask until a service is answered by this route, whatever comes before that."""
        end = time.monotonic() + DEADLINE
        while routes([answer := self.ask(service)]) != {(200, route)}:
            assert time.monotonic() < end, f"{service} is never answered by {route}, but: {answer}"
            time.sleep(0.05)

    def until_all_by(self, service: str, route: str) -> tuple[int, float]:
        """Ask again and again until ten answers in a row came by this route, and none failed.

        Return how many were asked, and how long the longest took.
        """
        asked, longest, end = 0, 0.0, time.monotonic() + DEADLINE
        while True:
            answers = self.ask(service, count=10, pause=0.02)
            assert [answer for answer in answers if answer["status"] != 200] == []
            asked, longest = asked + len(answers), max(longest, *(answer["seconds"] for answer in answers))
            if routes(answers) == {(200, route)}:
                return asked, longest
            assert time.monotonic() < end, f"{service} was never answered by {route}: {routes(answers)}"

    def stream(self, service: str) -> Any:
        argv = (sys.executable, "-m", "tests.support.streaming_client", self.url(service), self.key, str(MIB))
        return json.loads(self.coordinator.space.run(*argv, limit=DEADLINE).stdout)

    def restart(self) -> None:
        """End it as a power cut does, and start it again with what it has on disk."""
        self.coordinator.kill()
        self.coordinator.serve(*self._flags)


def routes(answers: Any) -> set[tuple[int, str]]:
    return {(answer["status"], answer["headers"].get("X-RMA-Route", "")) for answer in answers}


def member(mesh: OverlayMesh, name: str, service: str, link: str, *flags: str) -> tuple[Worker, Host]:
    """Start a worker behind a router that lets no UDP through."""
    home = mesh.home(name)
    mesh.lab.block_udp(home.router)
    worker = Worker(home, mesh.folder)
    mesh.workers[name] = worker
    named = ("--invite", link, "--worker-id", name, "--name", name, "--no-keyring")
    worker.start("tests.support.streaming_node", "run", *named, "--allow", service, *RARELY, *flags)
    return worker, home


def test_workers_without_udp_serve_by_relay_and_by_the_overlay_when_they_can(
    mesh: OverlayMesh, tmp_path: Path
) -> None:
    gateway = Gateway(mesh, tmp_path)
    link = gateway.coordinator.invite(2, "--trust", "vetted")
    member(mesh, "w1", PLAIN, link, "--vpn", "off")
    _, home = member(mesh, "w2", AUTO, link)
    for service in (PLAIN, AUTO):
        gateway.until_by(service, "relay")

    begin = time.monotonic()
    answers = gateway.ask(PLAIN, count=ENOUGH)
    measured(f"{ENOUGH} requests by relay, one after another", time.monotonic() - begin)
    assert len(answers) == ENOUGH
    assert routes(answers) == {(200, "relay")}
    measured("the longest of them", max(answer["seconds"] for answer in answers))
    for service in (PLAIN, AUTO):
        told = gateway.stream(service)
        assert told == {"up": WHOLE, "down": WHOLE, "turns": WHOLE}

    for blocked, route in ((False, "vpn"), (True, "relay")):
        begin = time.monotonic()
        mesh.lab.block_udp(home.router, blocked=blocked)
        asked, longest = gateway.until_all_by(AUTO, route)
        what = f"UDP {'closes' if blocked else 'opens'}: answered by {route}"
        measured(f"{what}, with {asked} requests meanwhile", time.monotonic() - begin)
        measured(f"{what}, the longest of them", longest)

    gateway.restart()
    begin = time.monotonic()
    for service in (PLAIN, AUTO):
        gateway.until_by(service, "relay")
        measured(f"the coordinator is back: {service} is answered", time.monotonic() - begin)
    assert routes(gateway.ask(PLAIN, count=100)) == {(200, "relay")}
