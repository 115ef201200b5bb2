"""A coordinator as it is run, on a store of either kind, and the program with its workers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import select
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import psutil

from bench.coordinator_support.identities import prepare
from bench.gateway_support.processes import ROOT, Bench, Program, free_port
from coordinator_server.admin_client import ADMIN_FILE, AdminFile
from coordinator_server.store.etcd.address import EtcdAddress
from coordinator_server.store.etcd.store import open_etcd

UNLIMITED = "999999999/s"
PATIENCE = 300.0  # seconds for any one answer of the crowd
MIB = 2**20


@dataclass(frozen=True, slots=True)
class Coordinator:
    """One that serves; its key is for the gateway."""

    program: Program
    url: str
    coordinator_id: str
    folder: Path
    key: str
    argv: tuple[str, ...]


class Crowd:
    """The program in which the workers are; it is asked one thing after the other."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.program = psutil.Process(process.pid)

    def ask(self, what: str, **how: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what, **how}).encode() + b"\n")
        self._process.stdin.flush()
        return self.answer()

    def answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE)
        line = self._process.stdout.readline() if ready else b""
        if not line:
            raise SystemExit("the workers do not answer")
        found: dict[str, Any] = json.loads(line)
        return found


def begin(
    bench: Bench,
    folder: Path,
    count: int,
    *,
    etcd: EtcdAddress | None = None,
    revoked: int = 0,
    flags: Sequence[str] = (),
) -> tuple[Coordinator, Path]:
    """Start a coordinator that knows so many machines; return it, and the file with who they are."""
    folder.mkdir(mode=0o700)
    identities = asyncio.run(_prepare(folder, count, revoked, etcd))
    listed = folder.with_suffix(".json")
    listed.write_bytes(msgspec.json.encode(identities))
    return start(bench, folder, etcd=etcd, flags=flags), listed


async def _prepare(folder: Path, count: int, revoked: int, etcd: EtcdAddress | None) -> Sequence[object]:
    if etcd is None:
        return await prepare(folder, count, revoked)
    store = await open_etcd(etcd)
    try:
        return await prepare(folder, count, revoked, store)
    finally:
        await store.close()


def start(bench: Bench, folder: Path, *, etcd: EtcdAddress | None = None, flags: Sequence[str] = ()) -> Coordinator:
    """Start a coordinator on a data directory, on the core of what is measured."""
    port = free_port()
    store = ("--store", str(etcd)) if etcd is not None else ()
    argv = (
        sys.executable, "-m", "coordinator_server", "serve", "--json", "--port", str(port), "--dht-port", "0",
        "--vpn", "off", "--data-dir", str(folder), "--address-rate", UNLIMITED, "--log-level", "error",
        "--canary-pause", "0",  # who stands in for a worker does not know the answers
        *store, *flags,
    )  # fmt: skip
    program, ready = bench.ready("coordinator", argv, bench.measured, port)
    admin = msgspec.json.decode((folder / ADMIN_FILE).read_bytes(), type=AdminFile)
    key = ask(admin, "keys", {"name": "bench", "rate": UNLIMITED})["key"]
    return Coordinator(program, ready["url"], ready["coordinator_id"], folder, key, argv)


def ask(admin: AdminFile, what: str, wish: object) -> Any:
    sent = {"Authorization": f"Bearer {admin.token}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{admin.url}/api/admin/{what}", json.dumps(wish).encode(), sent)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


@contextlib.contextmanager
def crowd(bench: Bench, coordinator: Coordinator, identities: Path, period: float) -> Iterator[Crowd]:
    """Run the workers on the other cores."""
    argv = [sys.executable, "-m", "bench.coordinator_support.crowd", "--url", coordinator.url]
    argv += ["--id", coordinator.coordinator_id, "--identities", str(identities), "--period", str(period)]
    process = subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        running = Crowd(process)
        running.program.cpu_affinity(bench.others)
        running.answer()
        yield running
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
