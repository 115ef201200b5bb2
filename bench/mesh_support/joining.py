"""Measures how long it takes from starting a fresh node with an invite until another worker has answered a call."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from bench.mesh_support.lab import BenchLab, bench_lab
from tests.support.overlay_mesh import Worker

SERVICE = "ner-extraction"
STEPS = ("program", "enrolled", "registered", "overlay", "dht", "answered")
Join = dict[str, float]  # seconds since the start, by step; a step that never came is not there


def joins(folder: Path, count: int, *, vpn: bool) -> list[Join]:
    """Join with so many fresh nodes, one after another, a mesh with one worker that serves."""
    folder.mkdir()
    with bench_lab(folder, [SERVICE]) as lab:
        link = lab.coordinator.invite(count + 1)
        server = _node(lab, "server", vpn=vpn)
        lab_flags = flags(server, vpn=vpn)
        server.start("bench.mesh_support.node_program", "run", *named(server, link, SERVICE), *lab_flags)
        server.until(lambda: lab.coordinator.runs(SERVICE) or None, "serves")
        if vpn:
            server.until_vpn("direct", "relayed")
        return [_join(_node(lab, f"join-{number}", vpn=vpn), link, vpn=vpn) for number in range(count)]


def _node(lab: BenchLab, name: str, *, vpn: bool) -> Worker:
    return Worker(lab.home(name, "cone") if vpn else lab.lab.public(name), lab.folder)


def flags(node: Worker, *, vpn: bool) -> tuple[str, ...]:
    """Return what leaves a node one way only: the relay would carry the first call before the overlay is up."""
    return ("--tunnel", "off", *(() if vpn else ("--vpn", "off", "--host", node.machine.ip)))


def named(node: Worker, link: str, service: str) -> tuple[str, ...]:
    return ("--invite", link, "--worker-id", node.name, "--name", node.name, "--no-keyring", "--allow", service)


def _join(node: Worker, link: str, *, vpn: bool) -> Join:
    """Start a node and watch it; end it again, so that the next one has the machine to itself."""
    log = node.data_dir.parent / f"{node.name}-watch.log"
    watching = ("-m", "bench.mesh_support.watch", str(node.data_dir), SERVICE)
    watch = node.space.spawn(sys.executable, *watching, log=log, talk=True)
    watch.read_line()
    began = time.time()
    node.start("node", "run", *named(node, link, "none"), *flags(node, vpn=vpn))
    seen = json.loads(watch.read_line())
    if seen.pop("route") != ("vpn" if vpn else "direct"):
        raise SystemExit(f"{node.name} was answered by another way than wanted; its log:\n{node.tail()}")
    node.running().stop()
    return {step: at - began for step, at in seen.items()}
