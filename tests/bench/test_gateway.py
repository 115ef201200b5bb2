"""The gateway's benchmark runs as it is called, small, and `--serve` is a gateway that others can measure."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest
from aiohttp import web

from node.program.web import HttpServer, bind

ROOT = Path(__file__).parents[2]
SCRIPT = str(ROOT / "bench" / "gateway.py")
DEADLINE = 120.0
SMALL = ("--sizes", "200", "--connections", "2", "--seconds", "1", "--rounds", "1")
SIZES = (200, 10 * 1024, 2**20)
MANY = 256
TRIES = 5
FIGURES = {
    "requests_per_second", "p50_ms", "p99_ms", "cpu_us", "errors", "proxy_share", "generator_share",
    "workers_share", "strangers_share", "limited_by",
}  # fmt: skip

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(sys.platform != "linux", reason="it gives each program a core of its own, as Linux can"),
]


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start the script in a session of its own, with its temporary files in this folder."""
    return subprocess.Popen(
        [sys.executable, SCRIPT, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(folder)},
        start_new_session=True,
    )


def session_of(leader: int) -> list[psutil.Process]:
    """Return the processes that a script started, and itself."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, PermissionError, psutil.Error):
            if os.getsid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def check_nothing_is_left(script: subprocess.Popen[str], folder: Path) -> None:
    assert session_of(script.pid) == []
    assert list(folder.iterdir()) == []


def run(folder: Path, *arguments: str) -> str:
    """Run the script to its end and return what it printed."""
    script = start(folder, *arguments)
    try:
        out, err = script.communicate(timeout=DEADLINE)
    finally:
        script.kill()
    assert script.returncode == 0, err
    check_nothing_is_left(script, folder)
    return out


@pytest.mark.needs("nginx", "wrk")
def test_it_measures_all_of_them_and_tells_programs_what_was_met(tmp_path: Path) -> None:
    for _ in range(TRIES):  # where this machine stands still for a whole second, nothing is measured
        document = json.loads(run(tmp_path, *SMALL, "--core", "--json"))
        if all(one["requests_per_second"] for one in document["rows"][0].values() if isinstance(one, dict)):
            break
    assert set(document["machine"]) == {"cores", "load_average", "kernel", "python"}
    [row] = document["rows"]
    names = {"nginx", "earlier", "gateway", "core"}
    assert {name for name, one in row.items() if isinstance(one, dict)} == names
    for name in names:
        assert set(row[name]) == FIGURES
        assert row[name]["errors"] == 0
        assert row[name]["requests_per_second"] > 0
        assert 0 < row[name]["p50_ms"] <= row[name]["p99_ms"]
    assert row["gateway"]["cpu_us"] > 0
    assert row["rate_ratio"] > 0 and row["p99_ratio"] > 0 and row["times_earlier"] > 0
    assert [goal["met"] is None for goal in document["wanted"]] == [True, True, False, True]


@pytest.mark.needs("nginx", "wrk")
def test_it_prints_a_table_of_costs_for_people_with_a_different_head_in_every_request(tmp_path: Path) -> None:
    lines = run(tmp_path, *SMALL, "--cost", "--vary").splitlines()
    rows = [match for line in lines if (match := re.match(r" +200 B +2  ([a-z0-9 %]*\S) +[\d,]+ +[\d.]+", line))]
    names = [match[1] for match in rows]
    assert names == ["full", "metrics off", "access log 1 %", "access log off", "no keys"]
    assert not any("ERRORS" in line for line in lines)


@pytest.mark.needs("nginx", "wrk")
def test_ended_in_the_middle_it_leaves_nothing_behind(tmp_path: Path) -> None:
    script = start(tmp_path, "--sizes", "200", "--connections", "2", "--seconds", "300")
    try:
        wait_until(lambda: any(process.name() == "wrk" for process in session_of(script.pid)))
        script.terminate()
        script.communicate(timeout=DEADLINE)
    finally:
        script.kill()
    assert script.returncode == 143
    check_nothing_is_left(script, tmp_path)


@pytest.mark.parametrize("arguments", [[], ["--worker-url", "https://127.0.0.1:1"], ["--worker-url", "http://"]])
def test_what_is_no_address_of_a_worker_is_refused_in_one_line(tmp_path: Path, arguments: list[str]) -> None:
    script = start(tmp_path, "--serve", "--json", *arguments)
    out, err = script.communicate(timeout=DEADLINE)
    assert (script.returncode, out) == (2, "")
    assert re.fullmatch(r"Setting worker_url \(--worker-url\) is '.*'; allowed is .*\n", err)


def test_a_port_that_is_taken_is_refused_as_by_serve(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        script = start(tmp_path, "--serve", "--worker-url", "http://127.0.0.1:9", "--port", str(port))
        out, err = script.communicate(timeout=DEADLINE)
    assert (script.returncode, out) == (3, "")
    assert err.startswith(f"Port {port} on 127.0.0.1 is in use.")
    check_nothing_is_left(script, tmp_path)


@dataclass
class Worker:
    """A plain HTTP server that knows nothing of the mesh: it keeps what it got and answers with so many bytes."""

    at_once: int = 1  # requests that must be there before one is answered
    got: list[tuple[str, str, bytes]] = field(default_factory=list)
    _all_there: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Worker]:
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", self._answer)
        server = HttpServer(app, bind("127.0.0.1", 0))
        await server.start()
        self.url = server.url
        try:
            yield self
        finally:
            await server.stop()

    async def _answer(self, request: web.Request) -> web.Response:
        self.got.append((request.method, request.path, await request.read()))
        if len(self.got) >= self.at_once:
            self._all_there.set()
        await self._all_there.wait()
        return web.Response(body=b"y" * int(request.query.get("size", "0")))


@dataclass
class Gateway:
    """What the ready line of `--serve` tells, and who asks there."""

    script: subprocess.Popen[str]
    ready: dict[str, Any]
    session: aiohttp.ClientSession

    async def ask(self, method: str, path: str, body: bytes = b"") -> bytes:
        proof = {"Authorization": f"Bearer {self.ready['key']}"}
        async with self.session.request(method, self.ready["url"] + path, data=body, headers=proof) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.read()


@contextlib.asynccontextmanager
async def serving(folder: Path, workers: Sequence[Worker], end: signal.Signals) -> AsyncIterator[Gateway]:
    """Run `--serve` before these workers; afterwards end it with this signal, see it go and everything with it."""
    urls = [part for worker in workers for part in ("--worker-url", worker.url)]
    script = start(folder, "--serve", "--json", *urls)
    try:
        assert script.stdout is not None
        line = await asyncio.to_thread(script.stdout.readline)
        async with (
            asyncio.timeout(DEADLINE),
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
        ):
            yield Gateway(script, json.loads(line), session)
        script.send_signal(end)
        out, err = await asyncio.to_thread(script.communicate, timeout=DEADLINE)
        assert (script.returncode, out) == (0, ""), err
        check_nothing_is_left(script, folder)
    finally:
        script.kill()
        await asyncio.to_thread(script.communicate)


async def test_somebody_else_can_measure_it_with_a_plain_server_as_worker(tmp_path: Path) -> None:
    async with Worker().running() as worker, serving(tmp_path, [worker], signal.SIGTERM) as gateway:
        assert gateway.ready["event"] == "ready"
        for size in SIZES:
            path = "/service/ner-extraction/extract"
            assert await gateway.ask("POST", path, b"x" * size) == b""
            assert worker.got[-1] == ("POST", path, b"x" * size)
            assert await gateway.ask("GET", f"{path}?size={size}") == b"y" * size
            assert worker.got[-1] == ("GET", path, b"")
        async with gateway.session.get(gateway.ready["url"] + "/service/ner-extraction") as answer:
            assert answer.status == 401  # the door has its lock


async def test_it_holds_back_no_benchmark_and_spreads_over_all_workers_until_it_is_interrupted(
    tmp_path: Path,
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        workers = [await stack.enter_async_context(Worker().running()) for _ in range(2)]
        gateway = await stack.enter_async_context(serving(tmp_path, workers, signal.SIGINT))
        while not all(worker.got for worker in workers):
            await gateway.ask("GET", "/service/ner-extraction/extract")


async def test_a_single_worker_gets_as_many_requests_at_once_as_there_are_connections(tmp_path: Path) -> None:
    async with Worker(MANY).running() as worker, serving(tmp_path, [worker], signal.SIGTERM) as gateway:
        asked = [gateway.ask("POST", "/service/ner-extraction/extract?size=3") for _ in range(MANY)]
        assert await asyncio.gather(*asked) == [b"yyy"] * MANY


async def test_its_workers_stay_registered(tmp_path: Path) -> None:
    async with Worker().running() as worker, serving(tmp_path, [worker], signal.SIGTERM) as gateway:
        ages = [await age(gateway)]
        while ages[-1] >= max(ages):  # until a heartbeat has come
            await asyncio.sleep(0.05)
            ages.append(await age(gateway))


async def age(gateway: Gateway) -> float:
    """Return the seconds since the worker's last heartbeat."""
    text = (await gateway.ask("GET", "/metrics")).decode()
    [found] = re.findall(r"^rma_worker_heartbeat_age_seconds\{.*\} (\S+)$", text, re.MULTILINE)
    return float(found)


def wait_until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < limit, "what was waited for did not come"
        time.sleep(0.05)
