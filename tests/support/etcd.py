"""Clusters of real etcd members on loopback, whose data is in memory where there is room, and stores on them."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import msgspec

from coordinator_server.store.etcd.address import EtcdAddress

MEMORY = Path("/dev/shm")
DEADLINE = 60.0
prefixes = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Home:
    """Where a member runs: at an address, by a command that takes it into the network of that."""

    address: str = "127.0.0.1"
    within: Sequence[str] = ()


HERE = Home()


@dataclass
class Member:
    """One process of etcd; it may be killed, stopped and started again on the same data."""

    name: str
    command: Sequence[str]
    client_port: int
    output: IO[bytes]
    process: subprocess.Popen[bytes] | None = None
    address: str = HERE.address

    @property
    def host(self) -> str:
        return f"{self.address}:{self.client_port}"

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, stdout=self.output, stderr=self.output)

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """Have it end at once, as by a power cut."""
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()


@dataclass
class Cluster:
    """Members that know one another."""

    members: list[Member]
    folder: Path
    tls: Path | None = None  # where ca.pem, client.pem and client.key are

    def address(self, prefix: str = "") -> EtcdAddress:
        """Return where it is, with a prefix that nobody else has."""
        return EtcdAddress(tuple(one.host for one in self.members), prefix or f"mesh-{next(prefixes)}")

    def leader(self) -> Member:
        """Return who leads, when all that run agree on it."""
        end = time.monotonic() + DEADLINE
        while True:
            said = [(one, self.ask(one, "maintenance/status")) for one in self.members if one.process is not None]
            leaders = {status.get("leader") for _, status in said}
            if len(leaders) == 1:
                for one, status in said:
                    if status.get("leader") and status["leader"] == status["header"]["member_id"]:
                        return one
            assert time.monotonic() < end, f"no leader within {DEADLINE:.0f} s"
            time.sleep(0.05)

    def settle(self) -> None:
        """Wait until all that run have whatever was written before: those that follow have it a moment later."""
        wanted, end = 0, time.monotonic() + DEADLINE
        while True:
            said = [self.ask(one, "maintenance/status") for one in self.members if one.process is not None]
            if all(said):
                found = [int(one["header"]["revision"]) for one in said]
                wanted = wanted or max(found)
                if min(found) >= wanted:
                    return
            assert time.monotonic() < end, f"not all have the same within {DEADLINE:.0f} s"
            time.sleep(0.02)

    def ask(self, member: Member, path: str, **message: object) -> Any:
        """Return what a member answers, or nothing."""
        data = msgspec.json.encode(message)
        scheme = "https" if self.tls is not None else "http"
        request = urllib.request.Request(f"{scheme}://{member.host}/v3/{path}", data)
        try:
            with urllib.request.urlopen(request, timeout=2.0, context=self._context()) as answer:
                return msgspec.json.decode(answer.read())
        except (OSError, msgspec.DecodeError):
            return {}

    def _context(self) -> ssl.SSLContext | None:
        if self.tls is None:
            return None
        context = ssl.create_default_context(cafile=str(self.tls / "ca.pem"))
        context.load_cert_chain(self.tls / "client.pem", self.tls / "client.key")
        return context

    def restart(self, *members: Member) -> None:
        for one in members:
            one.start()
        self.leader()

    def ctl(self, *words: str) -> str:
        """Run etcdctl against all members."""
        scheme = "https" if self.tls is not None else "http"
        command = ["etcdctl", "--endpoints", ",".join(f"{scheme}://{one.host}" for one in self.members)]
        if self.tls is not None:
            command += ["--cacert", str(self.tls / "ca.pem"), "--cert", str(self.tls / "client.pem")]
            command += ["--key", str(self.tls / "client.key")]
        environ = {**os.environ, "ETCDCTL_API": "3"}
        done = subprocess.run(
            [*command, *words], env=environ, capture_output=True, text=True, timeout=DEADLINE, check=True
        )
        return done.stdout


@contextlib.contextmanager
def etcd_cluster(
    size: int = 1, *flags: str, tls: Path | None = None, folder: Path | None = None, homes: Sequence[Home] = ()
) -> Iterator[Cluster]:
    """Run a cluster; at the end nothing of it is left.

    It is in memory and syncs nothing, unless a `folder` on a disk is given.

    `tls` is a folder with ca.pem and server.pem and client.pem with their keys: then clients need certificates.
    With `homes` each member runs in a network of its own, where clients may ask it at all addresses.
    """
    base = MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 2**29 else None
    unsafe = ("--unsafe-no-fsync",) if folder is None else ()
    with tempfile.TemporaryDirectory(prefix="etcd-", dir=folder or base) as name, contextlib.ExitStack() as stack:
        folder = Path(name).absolute()
        output = stack.enter_context((folder / "log").open("ab"))
        places = {f"m{number}": homes[number] if homes else HERE for number in range(size)}
        ports = {one: (free_port(), free_port()) for one in places}
        known = ",".join(f"{one}=http://{home.address}:{ports[one][1]}" for one, home in places.items())
        schemes = ("https" if tls is not None else "http", "http")
        secured = (
            ()
            if tls is None
            else (
                *("--cert-file", str(tls / "server.pem"), "--key-file", str(tls / "server.key")),
                *("--trusted-ca-file", str(tls / "ca.pem"), "--client-cert-auth"),
            )
        )
        members = []
        for one, home in places.items():
            client, peer = (
                f"{scheme}://{home.address}:{port}" for scheme, port in zip(schemes, ports[one], strict=True)
            )
            command = [
                *(*home.within, "etcd", "--name", one, "--data-dir", str(folder / one)),
                *("--initial-cluster", known),
                *("--listen-client-urls", client.replace(home.address, "0.0.0.0") if home.within else client),
                *("--advertise-client-urls", client),
                *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
                *(*unsafe, "--logger", "zap", "--log-level", "error", *secured, *flags),
            ]
            members.append(Member(one, command, ports[one][0], output, address=home.address))
            stack.callback(members[-1].kill)
        cluster = Cluster(members, folder, tls)
        for member in members:
            member.start()
        cluster.leader()
        yield cluster


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def pause(member: Member) -> None:
    """Have a member say and do nothing, with its connections open; until it is halted it may do a lot."""
    member.signal(signal.SIGSTOP)
    assert member.process is not None
    os.waitpid(member.process.pid, os.WUNTRACED)


def resume(member: Member) -> None:
    member.signal(signal.SIGCONT)
