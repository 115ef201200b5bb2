"""Health is an answer of a program over TCP, from our own address."""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Address

from node.vpn.health import ask_all, ask_coordinator, knock

HERE = IPv4Address("127.0.0.1")
NOBODY = IPv4Address("192.0.2.55")  # TEST-NET-1: not an address of this machine


async def serve(answer: bytes) -> asyncio.Server:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer)
        writer.close()

    return await asyncio.start_server(handler, "127.0.0.1", 0)


def port_of(server: asyncio.Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port


async def test_a_coordinator_is_well_when_it_speaks_http() -> None:
    async with await serve(b"HTTP/1.1 503 Busy\r\n\r\n") as server:
        took = await ask_coordinator(HERE, port_of(server), HERE)
    assert took is not None
    assert took >= 0


async def test_a_port_that_says_something_else_is_no_coordinator() -> None:
    async with await serve(b"SSH-2.0-x\r\n") as server:
        assert await ask_coordinator(HERE, port_of(server), HERE) is None


async def test_a_closed_port_is_an_answer_to_a_knock_but_no_coordinator() -> None:
    async with await serve(b"") as server:
        port = port_of(server)
    assert await knock(HERE, port, HERE) is not None
    assert await ask_coordinator(HERE, port, HERE) is None


async def test_without_the_overlay_s_address_nobody_is_asked() -> None:
    async with await serve(b"HTTP/1.1 200 OK\r\n\r\n") as server:
        assert await ask_coordinator(HERE, port_of(server), NOBODY) is None
        assert await knock(HERE, port_of(server), NOBODY) is None


async def test_those_that_answered_are_told() -> None:
    other = IPv4Address("127.0.0.2")

    async def probe(ip: IPv4Address, port: int, source: IPv4Address) -> float | None:
        assert (port, source) == (8000 if ip == other else 8001, HERE)
        return 0.5 if ip == other else None

    assert await ask_all(probe, {HERE: 8001, other: 8000}, HERE) == {other: 0.5}
