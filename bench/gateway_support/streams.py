"""What is measured of long and large things: each function takes the program that it goes through."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import aiohttp

from bench.gateway_support.processes import Program
from bench.gateway_support.stream_clients import Client, Dripping, Reader, close_all, open_all
from bench.gateway_support.stream_worker import PATH
from node.program.tasks import TaskSet

Figures = dict[str, float]
LIMIT = 300.0  # seconds that any of these may take
MIB = 2**20
PIECE = bytes(256 * 1024)
PROBE = 0.01  # seconds between the requests of an ordinary client


async def idle(through: Program, count: int) -> Figures:
    """Keep so many connections open, each answered once; an ordinary client asks before that and meanwhile."""
    quiet = percentiles(await asked(through, 200))
    before = through.memory()
    clients = await open_all(through, count, Client)
    grown = through.memory() - before
    cpu, began = through.cpu_seconds(), time.monotonic()
    await asyncio.sleep(3)
    busy = (through.cpu_seconds() - cpu) / (time.monotonic() - began)
    p50, p99 = percentiles(await asked(through, 200))
    lost = sum(client.lost.done() for client in clients)
    await close_all(clients)
    return {
        "connections": count, "lost": lost, "kib_each": grown / count / 1024, "cpu_percent": busy * 100,
        "request_p50_before_ms": quiet[0], "request_p99_before_ms": quiet[1],
        "request_p50_ms": p50, "request_p99_ms": p99,
    }  # fmt: skip


async def events(through: Program, count: int, seconds: float) -> Figures:
    """Read so many streams with an event a second each."""
    delays: list[float] = []
    before = through.memory()
    readers = await open_all(through, count, lambda: Reader(delays))
    grown = through.memory() - before
    cpu, began = through.cpu_seconds(), time.monotonic()
    for reader in readers:
        reader.counting = True
    await asyncio.sleep(seconds)
    busy = (through.cpu_seconds() - cpu) / (time.monotonic() - began)
    lost = sum(reader.lost.done() for reader in readers)
    await close_all(readers)
    p50, p99 = percentiles(delays)
    return {
        "streams": count, "lost": lost, "kib_each": grown / count / 1024, "cpu_percent": busy * 100,
        "events_per_second": len(delays) / seconds, "delay_p50_ms": p50, "delay_p99_ms": p99,
    }  # fmt: skip


async def download(through: Program, size: int) -> Figures:
    async with session(through) as http, watching(through) as growth:
        began, got = time.monotonic(), 0
        async with http.get(f"{PATH}/down?bytes={size}") as answer:
            async for piece in answer.content.iter_any():
                got += len(piece)
        seconds = time.monotonic() - began
    assert got == size
    return {"mib": size / MIB, "mib_per_second": size / MIB / seconds, "grown_mib": growth.most / MIB}


async def upload(through: Program, size: int) -> Figures:
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, size, len(PIECE)):
            yield PIECE[: size - start]

    async with session(through) as http, watching(through) as growth:
        began = time.monotonic()
        async with http.post(f"{PATH}/up", data=pieces()) as answer:
            told = await answer.json()
        seconds = time.monotonic() - began
    assert told == {"bytes": size}
    return {"mib": size / MIB, "mib_per_second": size / MIB / seconds, "grown_mib": growth.most / MIB}


async def echo(through: Program, count: int) -> Figures:
    """Send so many messages of 100 bytes over a WebSocket, each when the one before has come back."""
    times = []
    async with session(through) as http, http.ws_connect(f"{PATH}/echo") as socket:
        for number in range(count):
            message = b"%0100d" % number
            began = time.monotonic()
            await socket.send_bytes(message)
            assert await socket.receive_bytes() == message
            times.append((time.monotonic() - began) * 1000)
    p50, p99 = percentiles(times)
    return {"messages": count, "per_second": count / sum(times) * 1000, "p50_ms": p50, "p99_ms": p99}


async def slowloris(through: Program, count: int, head_time: float) -> Figures:
    """Let so many clients drip their heads; an ordinary client asks before that and meanwhile."""
    quiet = percentiles(await asked(through, 200))[1]
    before = through.memory()
    clients = await open_all(through, count, Dripping)
    times = []
    async with asyncio.timeout(head_time * 4):
        while not all(client.lost.done() for client in clients):
            for client in clients:
                client.drip()
            times += await asked(through, 20)
    held = [client.lost.result() - client.opened_at for client in clients]
    return {
        "clients": count, "kib_each": (through.memory() - before) / count / 1024, "held_most_s": max(held),
        "allowed_s": head_time, "request_p99_before_ms": quiet, "request_p99_ms": percentiles(times)[1],
    }  # fmt: skip


async def asked(through: Program, count: int) -> list[float]:
    """Ask so often, with a pause between; return how long each answer took, in milliseconds."""
    times = []
    async with session(through) as http:
        for _ in range(count):
            began = time.monotonic()
            async with http.get(f"{PATH}/") as answer:
                assert answer.status == 200
                await answer.read()
            times.append((time.monotonic() - began) * 1000)
            await asyncio.sleep(PROBE)
    return times


@dataclass
class Growth:
    """The most memory that a program had beyond what it began with."""

    most: int = 0


@contextlib.asynccontextmanager
async def watching(program: Program) -> AsyncIterator[Growth]:
    growth, before, tasks = Growth(), program.memory(), TaskSet("bench")

    async def watch() -> None:
        while True:
            growth.most = max(growth.most, program.memory() - before)
            await asyncio.sleep(0.05)

    tasks.start(watch(), "watch")
    try:
        yield growth
    finally:
        await tasks.stop()


def session(through: Program) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        f"http://127.0.0.1:{through.port}",
        headers={"Authorization": f"Bearer {through.key or 'none'}"},
        timeout=aiohttp.ClientTimeout(total=LIMIT),
    )


def percentiles(times: Sequence[float]) -> tuple[float, float]:
    """Return the median and the 99th percentile; 0 for nothing."""
    ordered = sorted(times) or [0.0]
    return ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
