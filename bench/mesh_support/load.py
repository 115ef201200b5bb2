"""Asks from inside of a machine: one line of JSON says what, one tells what it took.

    python -m bench.mesh_support.load

{"do": "down" | "up" | "small", "host", "port", "path", "headers", "size", "seconds", "connections", "from_port"};
`from_port` is the first of the ports that connections come from, each from the next one.
"""

from __future__ import annotations

import asyncio
import json
import re
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any, cast

from node.program.lifetime import make_loop

PIECE = bytes(256 * 1024)
BUFFER = 1 << 20  # bytes that may wait to be sent
LIMIT = 300.0  # seconds for one answer
STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3})")
LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
ROUTE = re.compile(rb"\r\nx-rma-route: *([a-z]+)", re.IGNORECASE)


class Asking(asyncio.Protocol):
    """One connection, on which requests follow one another."""

    def __init__(self) -> None:
        self._transport = cast("asyncio.Transport", None)
        self._head = b""
        self._left = -1  # bytes of the answer's body that are still to come; -1 before it
        self._writable = asyncio.Event()
        self._writable.set()
        self._over: asyncio.Future[None] | None = None
        self.route = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(BUFFER)

    async def ask(self, head: bytes, body: int = 0) -> None:
        """Send a request with so many bytes of body; return when its answer is there whole."""
        self._head, self._left = b"", -1
        self._over = asyncio.get_running_loop().create_future()
        self._transport.write(head)
        while body:
            piece = PIECE if body >= len(PIECE) else PIECE[:body]
            body -= len(piece)
            self._transport.write(piece)
            await self._writable.wait()
        await self._over

    def data_received(self, data: bytes) -> None:
        if self._left < 0:
            self._head += data
            head, end, data = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            self._begin(head + b"\r\n")
        self._left -= len(data)
        if self._over is not None and not self._over.done() and self._left <= 0:
            self._over.set_result(None)

    def _begin(self, head: bytes) -> None:
        status, length, route = STATUS.match(head), LENGTH.search(head), ROUTE.search(head)
        if status is None or length is None or status[1] != b"200":
            self.fail(f"not answered: {head.decode('latin-1')}")
        self._left = int(length[1]) if length else 0
        self.route = route[1].decode() if route else ""

    def fail(self, text: str) -> None:
        if self._over is not None and not self._over.done():
            self._over.set_exception(ConnectionError(text))

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, error: Exception | None) -> None:
        self._writable.set()
        self.fail(f"hung up: {error}")

    def close(self) -> None:
        self._transport.close()


async def connected(asked: dict[str, Any]) -> Asking:
    source = None
    if asked.get("from_port"):
        source = ("0.0.0.0", asked["from_port"])
        asked["from_port"] += 1
    loop = asyncio.get_running_loop()
    _, made = await loop.create_connection(Asking, asked["host"], asked["port"], local_addr=source)
    return made


def head_of(asked: dict[str, Any]) -> bytes:
    kind, size = asked["do"], asked.get("size", 0)
    target = asked["path"] + (f"/down?bytes={size}" if kind == "down" else "/up" if kind == "up" else "/small")
    lines = [f"{'POST' if kind == 'up' else 'GET'} {target} HTTP/1.1", f"Host: {asked['host']}"]
    lines += [f"{name}: {value}" for name, value in asked.get("headers", {}).items()]
    lines += [f"Content-Length: {size}"] if kind == "up" else []
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def carry(asked: dict[str, Any]) -> dict[str, Any]:
    """Carry one body after another until the seconds are over; a smaller one comes before, which does not count."""
    connection = await connected(asked)
    size, count, first = asked["size"], 0, asked["size"] // 4
    await connection.ask(head_of(asked | {"size": first}), first if asked["do"] == "up" else 0)
    head = head_of(asked)
    began = time.monotonic()
    while not count or time.monotonic() - began < asked["seconds"]:
        async with asyncio.timeout(LIMIT):
            await connection.ask(head, size if asked["do"] == "up" else 0)
        count += 1
    seconds = time.monotonic() - began
    connection.close()
    told = {"bytes": count * size, "seconds": seconds, "route": connection.route}
    return told | {"bytes_in_all": count * size + first}


async def small(asked: dict[str, Any]) -> dict[str, Any]:
    """Ask over several connections, on each as soon as the answer before is there."""
    connections = [await connected(asked) for _ in range(asked["connections"])]
    head, times = head_of(asked), []
    end = time.monotonic() + asked["seconds"]

    async def one(connection: Asking) -> None:
        while (began := time.monotonic()) < end:
            async with asyncio.timeout(LIMIT):
                await connection.ask(head)
            times.append(time.monotonic() - began)

    began = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        for connection in connections:
            tasks.create_task(one(connection))
    seconds = time.monotonic() - began
    for connection in connections:
        connection.close()
    return {"count": len(times), "seconds": seconds, "route": connections[0].route, **quantiles(times)}


def quantiles(times: Sequence[float]) -> dict[str, float]:
    """Return the median and the 99th percentile in milliseconds."""
    if len(times) < 2:
        return {"p50_ms": 1000 * sum(times), "p99_ms": 1000 * sum(times)}
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    return {"p50_ms": 1000 * cuts[49], "p99_ms": 1000 * cuts[98]}


async def run() -> None:
    loop = asyncio.get_running_loop()
    print("ready", flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        asked = json.loads(line)
        try:
            told = await (small if asked["do"] == "small" else carry)(asked)
        except (OSError, TimeoutError, ExceptionGroup) as error:
            told = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(run())
