"""A real coordinator and real nodes, as operators and volunteers start them; they are killed and started again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from bench.gateway_support.processes import free_port

SERVICE = "ner-extraction"
READY = 120.0  # seconds
STOP = 30.0
ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith("RMA_")}
TAIL = 3000  # bytes of a log
# As shipped, but that each request says itself whether it may be repeated, that a node takes as much as comes when
# this machine has stood still for a moment, and that all nodes are wanted.
MANIFEST = """\
name = "ner-extraction"
title = "Entity extraction"
aliases = ["ner"]
runtime = "builtin"
health_path = "/health"
default_path = "/extract"
concurrency = 64
replicas = {nodes}
idempotent = false
data_class = "public"
first_byte_timeout = 60.0
request_timeout = 90.0
"""


class Program:
    """A program of ours that prints a line when it is ready."""

    def __init__(self, name: str, command: Sequence[str], log: Path) -> None:
        self.name = name
        self._command = command
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self.began_at = 0.0  # Unix seconds

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self, *more: str) -> dict[str, Any]:
        """Start it, with further arguments this time, and return its ready line."""
        self.began_at = time.time()
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                *self._command,
                *more,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=ENVIRONMENT,
            )
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(READY):
                ready: dict[str, Any] = json.loads(await self._process.stdout.readline())
        except (TimeoutError, ValueError):
            raise SystemExit(f"{self.name} does not become ready:\n{self.tail()}") from None
        return ready

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    def kill_child(self) -> bool:
        """Kill a process that it has started; return whether there was one."""
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(self.pid).children():
                child.kill()
                return True
        return False

    async def ended(self) -> None:
        assert self._process is not None
        await self._process.wait()

    async def stop(self) -> None:
        """End it, with force if it does not."""
        if self._process is None or not self.runs:
            return
        self.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP):
                await self.ended()
        except TimeoutError:
            self.signal(signal.SIGKILL)
            await self.ended()

    def tail(self) -> str:
        return self._log.read_bytes()[-TAIL:].decode("utf-8", "replace")


class Node(Program):
    """A node on a port of its own, and since when its coordinator has known again that it serves."""

    serves_since: float | None = None
    port = 0


class Mesh:
    """A coordinator with its gateway, and nodes that all run one service; everything ends with the context."""

    def __init__(self, folder: Path, nodes: int, workers: int, connect_timeout: float) -> None:
        self._folder = folder
        self.has_gateways = workers > 1
        self.access_log = folder / "access.log"
        (folder / "services").mkdir()
        (folder / "services" / f"{SERVICE}.toml").write_text(MANIFEST.format(nodes=nodes))
        self.coordinator = Program("coordinator", self._serve(workers, connect_timeout), folder / "coordinator.log")
        self.nodes = {name: self._node(name) for name in (f"node-{number}" for number in range(nodes))}
        self.url = self.key = ""
        self._admin: dict[str, str] = {}
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))

    async def __aenter__(self) -> Mesh:
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _start(self) -> None:
        ready = await self.coordinator.start()
        self.url = ready["url"]
        admin = json.loads((self._folder / "coordinator" / "admin.json").read_bytes())
        self._admin = {"Authorization": f"Bearer {admin['token']}"}
        self.key = (await self._ask("POST", "/api/admin/keys", {"name": "churn", "rate": "1000000/s"}))["key"]
        wish = {"trust": "vetted", "uses": len(self.nodes)}
        invite = (await self._ask("POST", "/api/admin/invites", wish))["code"]
        joining = ("--coordinator", self.url, "--invite", invite)
        await asyncio.gather(*(node.start(*joining) for node in self.nodes.values()))

    async def stop(self) -> None:
        await asyncio.gather(*(node.stop() for node in self.nodes.values()))
        await self.coordinator.stop()
        await self._http.close()

    async def look(self) -> None:
        """Find out which nodes serve: each says so itself, and the coordinator has heard of it since its start."""
        known = await self._known()
        for name, node in self.nodes.items():
            serves = node.runs and known.get(name, 0.0) > node.began_at and await self._says_so(node)
            if not serves:
                node.serves_since = None
            elif node.serves_since is None:
                node.serves_since = time.monotonic()

    def serving(self, longer_than: float = 0.0) -> set[str]:
        """Return the nodes that have been serving for so many seconds."""
        now = time.monotonic()
        return {
            name
            for name, node in self.nodes.items()
            if node.runs and node.serves_since is not None and now - node.serves_since >= longer_than
        }

    async def _known(self) -> dict[str, float]:
        try:
            workers = (await self._ask("GET", "/api/topology"))["workers"]
        except (aiohttp.ClientError, TimeoutError):
            return {}
        return {
            worker["id"]: worker["last_seen"]
            for worker in workers
            if worker["status"] == "active" and SERVICE in worker["services"]
        }

    async def _says_so(self, node: Node) -> bool:
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with self._http.get(f"http://127.0.0.1:{node.port}/health") as answer:
                return bool((await answer.json())["services"].get(SERVICE) == "running")
        return False

    async def _ask(self, method: str, path: str, body: object = None) -> Any:
        async with self._http.request(method, self.url + path, json=body, headers=self._admin) as answer:
            answer.raise_for_status()
            return await answer.json()

    def _serve(self, workers: int, connect_timeout: float) -> list[str]:
        several = ["--workers", str(workers)] if workers > 1 else []
        return [
            "coordinator_server", "serve", "--json", "--data-dir", str(self._folder / "coordinator"), "--port", "0",
            "--dht-port", "0", "--services-dir", str(self._folder / "services"), "--worker-heartbeat", "1",
            "--worker-stale", "30", "--address-rate", "1000000/s", "--connect-timeout", str(connect_timeout),
            "--access-log", str(self.access_log), "--vpn", "off", *several,
        ]  # fmt: skip

    def _node(self, name: str) -> Node:
        port = free_port()
        command = [
            "node", "run", "--json", "--data-dir", str(self._folder / name), "--port", str(port), "--dht-port", "0",
            "--no-keyring", "--no-sensors", "--worker-id", name, "--name", name, "--allow", SERVICE,
            "--worker-heartbeat", "1", "--vpn", "off",
        ]  # fmt: skip
        node = Node(name, command, self._folder / f"{name}.log")
        node.port = port
        return node
