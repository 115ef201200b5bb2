"""A coordinator as it is run, and what workers and clients need to use it."""

from __future__ import annotations

import json
import sys
import urllib.request
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from bench.gateway_support.processes import Bench, Program, free_port
from bench.gateway_support.whole import MANIFEST, SERVICE, UNLIMITED
from bench.relay_support.workers import DIRECT, RELAY
from coordinator_server.admin_client import ADMIN_FILE, AdminFile

PATIENCE = 240.0  # seconds in which all workers have joined


@dataclass(frozen=True, slots=True)
class Running:
    """A coordinator that serves; the key is for its gateway, the code for workers."""

    program: Program
    url: str
    key: str
    code: str
    argv: tuple[str, ...] = ()

    def kill(self) -> None:
        """End it without a word, and wait until nothing listens any more."""
        self.program.process.kill()
        self.program.process.wait(timeout=60)

    def again(self, bench: Bench) -> Running:
        """Start it again as it was, on the same port and data; return when it serves."""
        program, _ = bench.ready("coordinator", self.argv, bench.measured, self.program.port)
        return replace(self, program=program)

    def workers(self, bench: Bench, name: str, *words: str) -> Program:
        """Start workers on the other cores; return when all of them are there."""
        argv = [sys.executable, "-m", "bench.relay_support.workers", "--url", self.url, "--code", self.code, *words]
        program, _ = bench.ready(name, argv, bench.others, patience=PATIENCE)
        return program


def start(bench: Bench, uses: int, processes: int = 1) -> Running:
    """Start it on the first core, with no overlay and no rates; so many workers may join."""
    shelf, folder, port = bench.folder / "services", bench.folder / "coordinator", free_port()
    shelf.mkdir()
    for name in (DIRECT, RELAY):
        text = MANIFEST.replace(f'"{SERVICE}"', f'"{name}"').replace('aliases = ["ner"]\n', "")
        (shelf / f"{name}.toml").write_text(text)
    argv = [
        sys.executable, "-m", "coordinator_server", "serve", "--json", "--port", str(port), "--dht-port", "0",
        "--vpn", "off", "--data-dir", str(folder), "--services-dir", str(shelf), "--address-rate", UNLIMITED,
        "--max-body-bytes", str(2**32), "--request-timeout", "600", "--log-level", "error",
        *(("--workers", str(processes)) if processes > 1 else ()),
    ]  # fmt: skip
    program, ready = bench.ready("coordinator", argv, bench.measured, port)
    admin = msgspec.json.decode((folder / ADMIN_FILE).read_bytes(), type=AdminFile)
    code = _ask(admin, "invites", {"trust": "vetted", "uses": uses})["code"]
    key = _ask(admin, "keys", {"name": "bench", "rate": UNLIMITED, "services": [DIRECT, RELAY]})["key"]
    return Running(program, ready["url"], key, code, tuple(argv))


def _ask(admin: AdminFile, what: str, wish: object) -> Any:
    sent = {"Authorization": f"Bearer {admin.token}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{admin.url}/api/admin/{what}", json.dumps(wish).encode(), sent)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)
