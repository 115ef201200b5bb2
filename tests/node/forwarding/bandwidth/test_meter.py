"""Limits on real connections: the rate of a stream, and that without a limit nothing stands in its way."""

from __future__ import annotations

import asyncio
import socket

import pytest

from node.forwarding.bandwidth.meter import Connection, Meter, is_loopback
from node.forwarding.bandwidth.shaped import Shaped
from node.forwarding.websocket.frames import BINARY, frame_header
from node.forwarding.websocket.stream import WebSocketStream
from tests.support.http1 import DEADLINE, GET, Client, Plane, read_request, running, working
from tests.support.waiting import eventually

RATE = 2_500_000
SIZE = RATE


def outside(_host: str) -> bool:
    """Take every address for one of another machine."""
    return False


async def large(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer every request with as many bytes as it asks for, and say how many its body had."""
    while True:
        head, body = await read_request(reader)
        size = int(head.split(b" ")[1].rpartition(b"/")[2] or b"0")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX-Got: %d\r\n\r\n" % (size, len(body)))
        writer.write(bytes(size))
        await writer.drain()


def get(size: int) -> bytes:
    return b"GET /%d HTTP/1.1\r\nHost: gateway\r\n\r\n" % size


def post(size: int) -> bytes:
    return b"POST /0 HTTP/1.1\r\nHost: gateway\r\nContent-Length: %d\r\n\r\n" % size + bytes(size)


async def seconds(client: Client, request: bytes) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    answer = await client.ask(request)
    assert answer.status == 200
    return loop.time() - began


@pytest.mark.parametrize("request_", [get(SIZE), post(SIZE)], ids=["download by a client", "upload by a client"])
async def test_a_stream_is_as_fast_as_its_limit_whoever_else_wants_more(request_: bytes) -> None:
    """The client's download is what we upload. It is slower never, for a busy machine is slower still."""
    meter = Meter(outside)
    async with working(large) as worker, running(worker, meter=meter) as plane, plane.client() as client:
        if request_.startswith(b"GET"):
            meter.look(upload=RATE, download=None)
        else:
            meter.look(upload=None, download=RATE)
        assert await seconds(client, request_) > SIZE / (2 * RATE)  # slower than twice the rate


async def test_several_share_one_limit() -> None:
    meter = Meter(outside)
    meter.look(upload=4 * RATE, download=None)
    async with working(large) as worker, running(worker, meter=meter) as plane:
        loop = asyncio.get_running_loop()
        began = loop.time()

        async def one() -> None:
            async with plane.client() as client:
                await seconds(client, get(RATE))

        await asyncio.gather(*(one() for _ in range(4)))
        assert loop.time() - began > 4 * RATE / (2 * 4 * RATE)


async def test_a_limit_that_comes_and_goes_holds_for_what_is_under_way() -> None:
    meter = Meter(outside)
    async with working(large) as worker, running(worker, meter=meter) as plane, plane.client() as client:
        await client.ask(GET.replace(b"/a", b"/1"))
        assert not any(limited(plane))
        await client.say(get(3 * RATE))
        meter.look(upload=1, download=1)  # nothing more comes within any test's time
        assert all(limited(plane))
        meter.look(upload=None, download=None)
        answer = await client.answer()
        assert len(answer.body) == 3 * RATE
        assert (await client.ask(get(5))).body == bytes(5)  # and the connection is as good as before


async def test_without_a_limit_and_within_this_machine_nothing_stands_between() -> None:
    for meter, limit in ((Meter(outside), None), (Meter(), 10)):
        meter.look(upload=limit, download=limit)
        async with working(large) as worker, running(worker, meter=meter) as plane, plane.client() as client:
            await client.ask(get(100_000))
            assert not any(limited(plane))
        assert len(meter._live) == 1  # that of the fixture: a server that has ended is looked at no more


def limited(plane: Plane) -> list[bool]:
    """Tell of the connections of client and worker whether something stands between."""
    connections: list[Connection] = [*plane.server.connections, *plane.upstreams.live]
    assert len(connections) == 2
    return [isinstance(one.transport, Shaped) for one in connections]


async def test_who_comes_by_a_program_of_this_machine_counts_while_there_is_a_tunnel() -> None:
    meter = Meter()
    meter.look(upload=10**9, download=10**9, tunnel=True)
    async with working(large) as worker, running(worker, meter=meter) as plane, plane.client() as client:
        await client.ask(get(10))
        assert limited(plane) == [True, False]  # its worker is one of our own services


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("::ffff:127.0.0.1", True), ("10.42.0.1", False),
        ("192.168.1.2", False), ("fe80::1%eth0", False), ("relay", False), ("", False),
    ],
)  # fmt: skip
def test_what_is_of_this_machine(host: str, ours: bool) -> None:
    assert is_loopback(host) is ours


async def test_a_relay_connection_counts_though_a_program_of_this_machine_may_carry_it() -> None:
    meter = Meter()
    meter.look(upload=RATE, download=None)
    ours, theirs = socket.socketpair()
    async with working(large) as worker, running(worker, meter=meter) as plane:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
        stream = WebSocketStream(transport, client=True, private=True)
        stream.attach(plane.server.connection())
        stream.begin()
        (connection,) = plane.server.connections
        assert isinstance(connection.transport, Shaped)
        reader, writer = await asyncio.open_connection(sock=theirs)
        request = get(SIZE)
        began = loop.time()
        writer.write(frame_header(BINARY, len(request)) + request)
        async with asyncio.timeout(DEADLINE):
            got = await reader.readexactly(SIZE)  # heads and headers are more than that still
        assert got.find(b"HTTP/1.1 200 OK") >= 0
        assert loop.time() - began > SIZE / (2 * RATE)  # else it was faster than twice the rate
        writer.close()
        await writer.wait_closed()
        await eventually(lambda: not plane.server.connections, "the end of the connection")
