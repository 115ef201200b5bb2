"""Machines with our programs on them, in networks of their own: pairs that reach one another in different ways."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.support.namespaces import Guest
from tests.support.netlab import Host, Kind, Machine, NetLab
from tests.support.overlay_mesh import PORT, Coordinator, Worker
from tests.support.stream_manifests import write_stream_manifests

PLAIN = 9000  # where the plain server listens
NODE = 8000
# Connections from these ports to a node's port get to the plain server. No system takes them for other connections,
# as Linux does with those from 32,768 on.
SPORTS = (20_000, 29_999)
Cpu = Mapping[str, float]  # seconds of each party


class BenchLab:
    """A coordinator on a public machine with its usual settings, and machines for nodes."""

    def __init__(self, lab: NetLab, folder: Path, services: Sequence[str]) -> None:
        self.lab = lab
        self.folder = folder
        shelf = write_stream_manifests(folder, services)
        self.coordinator = Coordinator(lab.public("c0"), folder)
        host = ("--host", "0.0.0.0", "--port", str(PORT), "--public-url", self.coordinator.url)
        self.coordinator.start("coordinator_server", "serve", *host, "--services-dir", str(shelf))

    def home(self, name: str, kind: Kind) -> Host:
        """Return a PC behind a router that leads the plain server's port to it."""
        number = len(list(self.folder.glob("*.home")))
        (self.folder / f"{name}.home").touch()
        ip = f"192.168.{200 + number % 50}.2"
        lan = f"192.168.{200 + number % 50}.0/24"
        router = self.lab.router(f"r-{name}", kind, lan=lan, publish=(f"tcp:{PLAIN}:{ip}:{PLAIN}",))
        return self.lab.host(name, router, ip)

    def node(self, machine: Machine, link: str, service: str, *flags: str, real: bool = False) -> Worker:
        """Start a node that runs one service, or none; `real` is the program itself, not the one for benches.

        It has no relay, which would carry calls until the way that is to be measured is there.
        """
        worker = Worker(machine, self.folder)
        module = "node" if real else "bench.mesh_support.node_program"
        named = ("--worker-id", machine.name, "--name", machine.name, "--no-keyring", "--tunnel", "off")
        worker.start(module, "run", "--invite", link, *named, "--allow", service or "none", *flags)
        return worker


@contextmanager
def bench_lab(folder: Path, services: Sequence[str]) -> Iterator[BenchLab]:
    with NetLab() as lab:
        yield BenchLab(lab, folder, services)


@dataclass(eq=False)
class Pair:
    """A node that asks and one that serves."""

    name: str
    client: Worker
    server: Worker
    service: str
    relay: Coordinator | None = None  # whose Nebula carries their messages
    _guests: dict[str, Guest] = field(default_factory=dict)
    _from_port: int = SPORTS[0]

    @property
    def has_overlay(self) -> bool:
        return self.name != "no VPN"

    def ways(self) -> list[str]:
        return ["plain TCP", *(["TCP in Nebula"] if self.has_overlay else []), "our nodes"]

    def open_plain_ways(self) -> None:
        """Start the plain server and the client, and lead connections through the overlay to that server."""
        name = "bench.mesh_support.service"
        space, log = self.server.space, self.server.data_dir.parent / f"{self.server.name}-plain.log"
        self._guests["server"] = space.spawn(sys.executable, "-m", name, "--port", str(PLAIN), log=log, talk=True)
        self._guests["server"].read_line()
        log = self.client.data_dir.parent / f"{self.client.name}-load.log"
        name = "bench.mesh_support.load"
        self._guests["client"] = self.client.space.spawn(sys.executable, "-m", name, log=log, talk=True)
        self._guests["client"].read_line()
        ports = f"tcp sport {SPORTS[0]}-{SPORTS[1]} tcp dport {NODE} redirect to :{PLAIN}"
        space.nft("bench", f"chain arriving {{ type nat hook prerouting priority -100;\n{ports}\n}}")

    def settle(self) -> None:
        """Wait until the way is the one that this pair is there for."""
        path = f"/call/{self.service}/small"
        wanted = ("vpn", self.tunnel) if self.has_overlay else ("direct", None)

        def right() -> bool:
            answer = self.client.control(path)
            if answer["status"] != 200:
                return False
            peer = self.client.peers().get(self.server.name, {})
            return (answer["headers"]["X-RMA-Route"], peer.get("tunnel")) == wanted

        self.client.until(lambda: right() or None, f"{self.server.name} is reached {wanted}")

    @property
    def tunnel(self) -> str:
        return "relayed" if self.relay is not None else "direct"

    def ask(self, way: str, do: str, **more: Any) -> dict[str, Any]:
        """Have the client do something in one of the ways; return what it tells, with each party's CPU seconds."""
        before = self.cpu()
        line = json.dumps({"do": do, **self._target(way), **more})
        told: dict[str, Any] = json.loads(self._guests["client"].ask(line))
        if "error" in told:
            raise SystemExit(f"{self.name}, {way}, {do}: {told['error']}")
        self._from_port += more.get("connections", 1)
        if self._from_port > SPORTS[1] - 500:
            self._from_port = SPORTS[0]
        return told | {"cpu": {party: seconds - before.get(party, 0.0) for party, seconds in self.cpu().items()}}

    def _target(self, way: str) -> dict[str, Any]:
        if way == "plain TCP":
            return {"host": self.server.machine.edge.ip, "port": PLAIN, "path": ""}
        if way == "TCP in Nebula":
            ip = self.server.look("/view")["state"]["vpn"]["ip"]
            return {"host": ip, "port": NODE, "path": "", "from_port": self._from_port}
        file = json.loads((self.client.data_dir / "control.json").read_text())
        host, port = file["url"].rpartition("/")[2].split(":")
        path, headers = f"/call/{self.service}", {"Authorization": f"Bearer {file['token']}"}
        return {"host": host, "port": int(port), "path": path, "headers": headers}

    def cpu(self) -> Cpu:
        """Return the CPU seconds that each party has used."""
        used = {f"{side} program": seconds(pid_of(guest)) for side, guest in self._guests.items()}
        for side, member in (("client", self.client), ("server", self.server), ("relay", self.relay)):
            if member is not None:
                used |= {f"{side} {part}": value for part, value in _of(member).items()}
        return used


def _of(member: Worker | Coordinator) -> Cpu:
    """Return what a program of ours, its Nebula and its services have used."""
    program = psutil.Process(pid_of(member.running()))
    used = {"node": seconds(program.pid)}
    for child in program.children(recursive=True):
        part = "Nebula" if child.name() == "nebula" else "service"
        used[part] = used.get(part, 0.0) + seconds(child.pid)
    return used


def seconds(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def pid_of(guest: Guest) -> int:
    """Return the program's pid: the only child of the one that brought it into its namespace."""
    return psutil.Process(guest.process.pid).children()[0].pid
