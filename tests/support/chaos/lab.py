"""Three coordinators with their store and some real nodes, in a network that is nobody else's: see `program`.

Members of etcd are on machines of their own, and each coordinator asks them at addresses of its own (`network`), so
that the firewall can come between any two of them. Clocks of coordinators are theirs, too.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from coordinator_server.keys import MESH_KEY_FILE
from tests.support.chaos.clocked import set_clock
from tests.support.chaos.history import Event
from tests.support.chaos.network import address, machines
from tests.support.etcd import Cluster, Member, etcd_cluster
from tests.support.overlay_mesh import share_store
from tests.support.real_mesh import ENVIRONMENT

Store = Literal["etcd", "sqlite"]
ADMIN_TOKEN = "chaos-" + "0" * 34
START = 180.0  # seconds
STOP = 60.0
READ = 3.0  # for the whole history of some keys
ROOM = 192  # MiB of the disks that can become full
PREFIX = "chaos"
FLAGS = (
    "--port", "{port}", "--dht-port", "0", "--worker-heartbeat", "1", "--worker-stale", "30",
    "--address-rate", "1000000/min", "--default-key-rate", "1000000/min",
)  # fmt: skip


@dataclass
class Program:
    """A process that can be started again as it was."""

    name: str
    words: Sequence[str]
    log: Path
    environment: Mapping[str, str]
    port: int = 0
    ready: dict[str, Any] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return str(self.ready["url"])

    async def start(self) -> None:
        self._spawn()
        self.ready = json.loads(await asyncio.to_thread(self._first_line))
        self.port = int(self.url.rpartition(":")[2])

    def _spawn(self) -> None:
        words = [word.format(port=self.port) for word in self.words]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=dict(self.environment),
            )

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(STOP)
            self.process = None

    async def stop(self) -> None:
        """Ask it to end; see that it does."""
        process, self.process = self.process, None
        if process is not None:
            process.terminate()
            await asyncio.to_thread(process.wait, STOP)

    def _first_line(self) -> bytes:
        process, found = self.process, [b""]
        assert process is not None
        assert process.stdout is not None
        stream = process.stdout
        reader = threading.Thread(target=lambda: found.append(stream.readline()), daemon=True)
        reader.start()
        reader.join(START)
        stream.close()
        if not found[-1]:
            raise RuntimeError(
                f"{self.name} did not become ready:\n{self.log.read_text('utf-8', 'replace')[-3000:]}"
            )
        return found[-1]


@dataclass
class Lab:
    """What there is; faults do something to it, and mend it."""

    folder: Path
    store: Store
    cluster: Cluster | None
    names: Sequence[str]
    coordinators: dict[str, Program] = field(default_factory=dict)
    nodes: dict[str, Program] = field(default_factory=dict)
    disk: Path = Path()  # what can become full

    @property
    def members(self) -> list[Member]:
        return self.cluster.members if self.cluster is not None else []

    def etcd_at(self, name: str, member: Member) -> str:
        """Return at which address a coordinator asks a member of etcd."""
        return address(1 + self.members.index(member), 1 + self.names.index(name))

    def set_clock(self, name: str, seconds: int) -> None:
        """Have a coordinator's clock be so far ahead."""
        set_clock(self.folder / f"{name}.clock", seconds)

    async def open(self) -> None:
        for name in self.names:
            self.coordinators[name] = self._coordinator(name)
            self.set_clock(name, 0)
        first, *others = self.coordinators.values()
        await first.start()
        for name in self.names[1:]:
            self._share(self.folder / first.name, self.folder / name)
        await asyncio.gather(*(program.start() for program in others))

    def _share(self, first: Path, directory: Path) -> None:
        """Give one what it needs of the first one's data."""
        if self.store == "sqlite":
            share_store(first, directory)
        else:
            directory.mkdir(mode=0o700)
            shutil.copy2(first / MESH_KEY_FILE, directory / MESH_KEY_FILE)

    async def start_node(self, name: str, link: str) -> None:
        words = (
            "node", "run", "--json", "--data-dir", str(self.folder / name), "--invite", link, "--port", "{port}",
            "--dht-port", "0", "--no-keyring", "--worker-heartbeat", "1", "--dht-republish", "2", "--vpn", "off",
            "--worker-id", name, "--name", name, "--allow", "ner-extraction",
        )  # fmt: skip
        self.nodes[name] = Program(name, words, self.folder / f"{name}.log", ENVIRONMENT)
        await self.nodes[name].start()

    def told_of_assignment(self) -> list[Event]:
        """Return all that was ever written below `roster/` in etcd, in order."""
        if self.cluster is None:
            return []
        below = f"{PREFIX}/e/"
        hosts = ",".join(member.host for member in self.members)
        watch = [
            "etcdctl",
            "--endpoints",
            hosts,
            "watch",
            "--prefix",
            f"{below}roster/",
            "--rev",
            "1",
            "-w",
            "json",
        ]
        with subprocess.Popen(watch, stdout=subprocess.PIPE, env={**os.environ, "ETCDCTL_API": "3"}) as process:
            assert process.stdout is not None
            timer = threading.Timer(READ, process.kill)  # it would wait for more
            timer.start()
            lines = process.stdout.read().splitlines()
            timer.cancel()
        found = []
        for line in lines:
            with contextlib.suppress(json.JSONDecodeError):  # the last one may be cut
                found += [_event(one, below) for one in json.loads(line).get("Events") or ()]
        return found

    def close(self) -> None:
        for program in (*self.nodes.values(), *self.coordinators.values()):
            program.kill()

    def _coordinator(self, name: str) -> Program:
        where = ["--store", self._store_for(name)] if self.cluster is not None else []
        clocked = ["tests.support.chaos.clocked", str(self.folder / f"{name}.clock")]
        words = [
            *(*clocked, "coordinator_server", "serve", "--json"),
            *("--data-dir", str(self.folder / name), *FLAGS, *where),
        ]
        environment = {
            **ENVIRONMENT,
            "PATH": str(self.folder),  # no Nebula is there: addresses are given out, and no network is opened
            "RMA_ADMIN_TOKEN": ADMIN_TOKEN,
        }
        return Program(name, words, self.folder / f"{name}.log", environment)

    def _store_for(self, name: str) -> str:
        hosts = ",".join(f"{self.etcd_at(name, one)}:{one.client_port}" for one in self.members)
        return f"etcd://{hosts}?prefix={PREFIX}"


@contextlib.asynccontextmanager
async def chaos_lab(folder: Path, store: Store, coordinators: Sequence[str]) -> AsyncIterator[Lab]:
    """Open a lab in the network and among the mounts of this process, which have to be its own."""
    with contextlib.ExitStack() as stack:
        cluster = None
        if store == "etcd":
            flags = ("--heartbeat-interval", "100", "--election-timeout", "1000", "--unsafe-no-fsync")
            homes = stack.enter_context(machines(3, len(coordinators)))
            cluster = stack.enter_context(etcd_cluster(3, *flags, folder=folder, homes=homes))
        lab = Lab(folder, store, cluster, coordinators)
        if cluster is not None:
            lab.disk = onto_small_disk(cluster)
        else:
            lab.disk = folder / coordinators[0]
            lab.disk.mkdir(mode=0o700)
            mount(lab.disk)
        stack.callback(unmount, lab.disk)
        for member in lab.members:
            stack.callback(member.kill)
        stack.callback(lab.close)
        await lab.open()
        yield lab


def _event(told: dict[str, Any], below: str) -> Event:
    entry = told["kv"]
    key = base64.b64decode(entry["key"]).decode().removeprefix(below)
    value = None if told.get("type") == 1 else base64.b64decode(entry.get("value", "")).decode()
    return Event(int(entry["mod_revision"]), key, value)


def onto_small_disk(cluster: Cluster) -> Path:
    """Move the last member's data onto a disk that can become full; return where that is."""
    member = cluster.members[-1]
    cluster.leader()
    member.kill()
    directory = cluster.folder / member.name
    aside = directory.with_suffix(".before")
    directory.rename(aside)
    directory.mkdir(mode=0o700)
    mount(directory)
    shutil.copytree(aside, directory, dirs_exist_ok=True)
    shutil.rmtree(aside)
    cluster.restart(member)
    return directory


def mount(directory: Path) -> None:
    size = f"size={ROOM}m,mode=0700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "chaos", str(directory)], check=True, timeout=STOP)


def unmount(directory: Path) -> None:
    subprocess.run(["umount", "-l", str(directory)], check=True, timeout=STOP)


def fill(directory: Path) -> Path:
    """Write a file until nothing more fits onto its disk."""
    ballast = directory / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (2**20, 4096, 1):
            with contextlib.suppress(OSError):
                while file.write(b"\0" * size):
                    pass
            os.fsync(file.fileno())
    return ballast


PAUSE, GO_ON = signal.SIGSTOP, signal.SIGCONT
