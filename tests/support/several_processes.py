"""A real coordinator that serves with several processes, and workers of this process that it sends requests to."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import psutil

from tests.support.front import ECHO_MANIFEST, StandIn
from tests.support.processes import is_alive
from tests.support.real_mesh import ENVIRONMENT, START_DEADLINE, STOP_DEADLINE
from tests.support.waiting import eventually

HEAD = {"X-Forwarded-For": "203.0.113.1"}


@dataclass(frozen=True)
class Answer:
    """What came of one request."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


@dataclass
class Several:
    """A coordinator that runs; `session` opens a connection for each request."""

    program: subprocess.Popen[bytes]
    url: str
    folder: Path
    session: aiohttp.ClientSession
    workers: list[StandIn] = field(default_factory=list)

    @property
    def first(self) -> psutil.Process:
        return psutil.Process(self.program.pid)

    def gateways(self) -> list[psutil.Process]:
        """Return the gateway processes that run."""
        return [child for child in self.first.children() if is_alive(child)]

    def log(self) -> str:
        return (self.folder / "log").read_text("utf-8", "replace")

    def lines(self) -> list[Any]:
        """Return the log's lines that are complete."""
        whole = self.log().rpartition("\n")[0].splitlines()
        return [json.loads(line) for line in whole if line.startswith("{")]

    async def get(
        self, path: str, headers: Mapping[str, str] | None = None, session: aiohttp.ClientSession | None = None
    ) -> Answer:
        async with (session or self.session).get(self.url + path, headers=headers) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    async def ask(self, method: str, path: str, body: object = None, status: int = 200) -> Any:
        """Ask the admin API."""
        token = json.loads((self.folder / "data" / "admin.json").read_bytes())["token"]
        proof = {"Authorization": f"Bearer {token}"}
        async with self.session.request(method, self.url + path, json=body, headers=proof) as answer:
            text = await answer.text()
            assert answer.status == status, text
            return msgspec.json.decode(text)

    async def key(self, rate: str = "1000000/min") -> tuple[str, dict[str, str]]:
        """Make an API key; return its id and the head of a request that shows it."""
        made = await self.ask("POST", "/api/admin/keys", {"name": "test", "rate": rate}, 201)
        return made["id"], {"X-API-Key": made["key"], **HEAD}

    async def join(self, name: str, services: Sequence[str] = ("echo",)) -> StandIn:
        """Let a stand-in for a worker enrol and say that it runs these services."""
        invite = await self.ask("POST", "/api/admin/invites", {"trust": "vetted"}, 201)
        worker = StandIn(self.url, self.session, tuple(services))
        self.workers.append(worker)
        await worker.start()
        await worker.enroll(invite["code"], name)
        await worker.register()
        await worker.heartbeat()
        return worker

    async def until_served(self, head: Mapping[str, str], times: int = 30) -> None:
        """Wait until so many connections in a row lead to a worker: until all processes know of it."""
        await self.until_all(lambda answer: answer.status == 200, "/service/echo", head, times)

    async def until_all(
        self, good: Callable[[Answer], bool], path: str, head: Mapping[str, str], times: int = 30
    ) -> None:
        """Wait until the answers on so many connections in a row are good."""
        async with asyncio.timeout(120):
            row = 0
            while row < times:
                row = row + 1 if good(await self.get(path, head)) else 0

    async def ended(self) -> int:
        """Wait until the first process has ended; return its exit status."""
        return await asyncio.to_thread(self.program.wait, STOP_DEADLINE)


@contextlib.asynccontextmanager
async def several_processes(folder: Path, *flags: str, workers: int = 3) -> AsyncIterator[Several]:
    """Run a coordinator with so many processes; whatever is left of it at the end is killed."""
    manifests = folder / "manifests"
    manifests.mkdir(exist_ok=True)
    (manifests / "echo.toml").write_text(ECHO_MANIFEST)
    words = [
        "serve", "--json", "--port", "0", "--dht-port", "0", "--vpn", "off", "--data-dir", str(folder / "data"),
        "--services-dir", str(manifests), "--workers", str(workers), "--worker-stale", "600",
        "--worker-forgotten", "900", "--address-rate", "1000000/min", "--log-format", "json", "--access-log", "-",
        "--sharing-timeout", "60",
        *flags,
    ]  # fmt: skip
    program = _start(folder, words)
    connector = aiohttp.TCPConnector(limit=0, force_close=True, ssl=False)
    try:
        ready = await asyncio.to_thread(_ready_line, program)
        assert ready, (folder / "log").read_text()
        async with aiohttp.ClientSession(connector=connector) as session:
            several = Several(program, json.loads(ready)["url"], folder, session)
            try:
                yield several
            finally:
                await asyncio.gather(*(worker.stop() for worker in several.workers))
    finally:
        await connector.close()
        await _end(program)


def _start(folder: Path, words: Sequence[str]) -> subprocess.Popen[bytes]:
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "coordinator_server", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**ENVIRONMENT, "TMPDIR": str(folder)},
            start_new_session=True,
        )


def _ready_line(program: subprocess.Popen[bytes]) -> bytes:
    assert program.stdout is not None
    found: list[bytes] = []
    stream = program.stdout
    reader = threading.Thread(target=lambda: found.append(stream.readline()), daemon=True)
    reader.start()
    reader.join(START_DEADLINE)
    stream.close()
    return found[0] if found else b""


async def _end(program: subprocess.Popen[bytes]) -> None:
    """End whatever is left of the group that the program leads; it had a session of its own."""
    if program.poll() is None:
        program.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(program.wait, STOP_DEADLINE)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(program.pid, signal.SIGKILL)
    await asyncio.to_thread(program.wait, STOP_DEADLINE)


async def until_none(processes: Sequence[psutil.Process]) -> None:
    """Wait until all of these processes have ended."""
    await eventually(lambda: not any(map(is_alive, processes)), "they have ended")
