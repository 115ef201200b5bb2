"""Puts loads on the two ways to a worker, and looks at what idle workers cost."""

from __future__ import annotations

import json
import statistics
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

import aiohttp

from bench.gateway_support.load import SCRIPT
from bench.gateway_support.processes import Bench
from bench.relay_support.site import Running
from bench.relay_support.workers import DIRECT, RELAY

MB = 1_000_000
PIECE = bytes(256 * 1024)
LIMIT = 300.0  # seconds for any one transfer
WAYS = {"direct": DIRECT, "relay": RELAY}


@dataclass(frozen=True, slots=True)
class Requests:
    """What one way did with small requests; `cpu_us` is the coordinator's for one of them."""

    way: str
    connections: int
    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    errors: int


@dataclass(frozen=True, slots=True)
class Bytes:
    """MB/s of one large body, down and up."""

    way: str
    down: float
    up: float


@dataclass(frozen=True, slots=True)
class Idle:
    """What so many workers with a channel cost a coordinator; the share is of one core."""

    count: int
    kib_each: float
    cpu_percent: float
    seconds: float
    still_there: int


def requests(bench: Bench, site: Running, way: str, connections: int, seconds: int) -> Requests:
    """Ask for something small, again and again; refuse a way that is not the one that is meant."""
    script = bench.folder / "wrk.lua"
    script.write_text(SCRIPT.format(vary="false"))
    shown = ["-H", f"Authorization: Bearer {site.key}", "--timeout=30", "-s", str(script)]
    argv = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", *shown, f"{site.url}/service/{WAYS[way]}/small"]
    before = site.program.cpu_seconds()
    told = json.loads(bench.run(argv, seconds + 60).splitlines()[-1])
    used = site.program.cpu_seconds() - before
    count = max(1, told["requests"])
    rate = told["requests"] / told["seconds"]
    return Requests(way, connections, rate, told["p50_ms"], told["p99_ms"], used / count * 1e6, told["errors"])


async def transfer(site: Running, way: str, size: int) -> Bytes:
    """Send a body down and one up, and count what has come."""

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, size, len(PIECE)):
            yield PIECE[: size - start]

    async with client(site, way) as http:
        began, got = time.perf_counter(), 0
        async with http.get("down", params={"bytes": size}) as answer:
            check(answer, way)
            async for piece in answer.content.iter_any():
                got += len(piece)
        down = time.perf_counter() - began
        began = time.perf_counter()
        async with http.post("up", data=pieces(), headers={"Content-Length": str(size)}) as answer:
            check(answer, way)
            told = await answer.json()
        up = time.perf_counter() - began
    if got != size or told != {"bytes": size}:
        raise SystemExit(f"{way}: {size} bytes were sent, {got} came down and {told} up")
    return Bytes(way, size / MB / down, size / MB / up)


async def settle(site: Running) -> None:
    """Wait until both ways are as they will be."""
    for way in WAYS:
        end = time.monotonic() + 60
        async with client(site, way) as http:
            while True:
                async with http.get("small") as answer:
                    if answer.status == 200 and answer.headers["X-RMA-Route"] == way:
                        break
                if time.monotonic() > end:
                    raise SystemExit(f"{way} does not become ready: HTTP {answer.status}")


def client(site: Running, way: str) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        f"{site.url}/service/{WAYS[way]}/",
        headers={"Authorization": f"Bearer {site.key}"},
        timeout=aiohttp.ClientTimeout(total=LIMIT),
    )


def check(answer: aiohttp.ClientResponse, way: str) -> None:
    if answer.status != 200 or answer.headers["X-RMA-Route"] != way:
        raise SystemExit(f"{way}: HTTP {answer.status} by {answer.headers.get('X-RMA-Route')}")


def idle(site: Running, join: Callable[[], None], count: int, seconds: float) -> Idle:
    """Let so many workers join, and look at the coordinator for a while."""
    before = site.program.memory()
    join()
    time.sleep(min(seconds, 2.0))  # what is done because of their coming is no part of being there
    grown, cpu, began = site.program.memory() - before, site.program.cpu_seconds(), time.monotonic()
    time.sleep(seconds)
    busy = (site.program.cpu_seconds() - cpu) / (time.monotonic() - began)
    return Idle(count, grown / count / 1024, busy * 100, seconds, channels(site))


def channels(site: Running) -> int:
    """Return how many workers hold a channel, as the coordinator counts."""
    with urllib.request.urlopen(f"{site.url}/metrics", timeout=30) as answer:
        told = answer.read().decode()
    return next(int(float(line.split()[1])) for line in told.splitlines() if line.startswith("rma_channels "))


def middle(found: Sequence[Requests]) -> Requests:
    """Return the round whose rate is the median."""
    rate = statistics.median_low(one.per_second for one in found)
    return next(one for one in found if one.per_second == rate)
