"""Asks over the overlay itself: a request to a coordinator, and a knock at peers. A ping would prove nothing.

Nebula answers pings on its own account in one of its modes, and ICMP says nothing about the programs behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from ipaddress import IPv4Address

TIME_LIMIT = 2.0  # seconds
KNOCKS = 8  # peers that are asked when no coordinator answers
REQUEST = b"GET /health HTTP/1.1\r\nHost: %b\r\nConnection: close\r\nUser-Agent: rma-mesh\r\n\r\n"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
# Asks an address and a port from our own overlay address; so nothing but the overlay can answer.
Probe = Callable[[IPv4Address, int, IPv4Address], Awaitable[float | None]]


async def ask_coordinator(ip: IPv4Address, port: int, source: IPv4Address) -> float | None:
    """Return how long a coordinator's /health took (seconds), or None where nothing like an answer came."""
    begin = time.monotonic()
    with contextlib.suppress(OSError, TimeoutError, ValueError):
        async with asyncio.timeout(TIME_LIMIT), _connected(ip, port, source) as (reader, writer):
            connected = time.monotonic() - begin
            writer.write(REQUEST % str(ip).encode())
            if (await reader.readline()).startswith(b"HTTP/1."):
                return connected
    return None


async def knock(ip: IPv4Address, port: int, source: IPv4Address, limit: float = TIME_LIMIT) -> float | None:
    """Return the round trip to a machine (seconds): it takes a connection or refuses it: both are answers."""
    begin = time.monotonic()
    try:
        async with asyncio.timeout(limit), _connected(ip, port, source):
            return time.monotonic() - begin
    except ConnectionRefusedError:
        return time.monotonic() - begin
    except (OSError, TimeoutError):
        return None


@contextlib.asynccontextmanager
async def _connected(ip: IPv4Address, port: int, source: IPv4Address) -> AsyncIterator[Streams]:
    reader, writer = await asyncio.open_connection(str(ip), port, limit=1024, local_addr=(str(source), 0))
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def ask_all(probe: Probe, asked: Mapping[IPv4Address, int], source: IPv4Address) -> dict[IPv4Address, float]:
    """Ask all of them at once, each at its port; return the round trips of those that answered."""
    found = await asyncio.gather(*(probe(ip, port, source) for ip, port in asked.items()))
    return {ip: took for ip, took in zip(asked, found, strict=True) if took is not None}
