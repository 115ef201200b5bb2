"""The server: listens in several ways, drains without losing a request, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import sys
import time
from pathlib import Path

import pytest

from node.forwarding.http1.exchange import Exchange
from node.forwarding.http1.limits import ServerLimits
from node.forwarding.http1.server import Http1Server, counted_address, shared_socket
from node.forwarding.http1.sweep import Sweep
from tests.support.certificates import self_signed
from tests.support.http1 import (
    DEADLINE,
    GET,
    OK,
    Client,
    Forwarding,
    listening,
    read_head,
    read_request,
    running,
    working,
)
from tests.support.waiting import eventually

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


async def test_what_is_in_flight_ends_before_a_drain_does() -> None:
    async def slow(reader: Reader, writer: Writer) -> None:
        await read_request(reader)
        asked.set()
        await release.wait()
        writer.write(OK)

    asked, release = asyncio.Event(), asyncio.Event()
    limits = ServerLimits(drain_grace=0.05, drain_first_grace=0.05)
    async with (
        working(slow) as worker,
        running(worker, limits=limits) as plane,
        plane.client() as busy,
        plane.client() as idle,
    ):
        await busy.say(GET)
        await eventually(asked.is_set, "the worker is asked", DEADLINE)
        draining = asyncio.get_running_loop().create_task(plane.server.drain(DEADLINE))
        assert await idle.rest() == b""  # nothing was going on there
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", plane.port)
        assert not draining.done()
        release.set()
        answer = await busy.answer()
        assert (answer.status, answer.field("Connection")) == (200, "close")
        assert await busy.rest() == b""
        await draining
        assert not plane.server.connections


async def test_a_request_that_comes_during_a_drain_is_served_and_told_to_go() -> None:
    limits = ServerLimits(drain_grace=DEADLINE)
    async with working() as worker, running(worker, limits=limits) as plane, plane.client() as client:
        assert (await client.ask(GET)).field("Connection") is None
        draining = asyncio.get_running_loop().create_task(plane.server.drain(DEADLINE))
        await eventually(lambda: plane.server.draining, "it drains", DEADLINE)
        assert (await client.ask(GET)).field("Connection") == "close"
        assert await client.rest() == b""
        await draining


async def test_a_connection_whose_answer_had_begun_before_a_drain_is_closed_after_it() -> None:
    async def slow(reader: Reader, writer: Writer) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
        await release.wait()
        writer.write(b"cd")
        await reader.read()

    release = asyncio.Event()
    limits = ServerLimits(drain_grace=0.05, keepalive=10 * DEADLINE)
    async with working(slow) as worker, running(worker, limits=limits) as plane, plane.client() as client:
        await client.say(GET)
        assert b"Connection: close" not in await read_head(client.reader)
        draining = asyncio.get_running_loop().create_task(plane.server.drain(10 * DEADLINE))
        await eventually(lambda: plane.server.draining, "it drains", DEADLINE)
        release.set()
        assert await client.rest() == b"abcd"
        async with asyncio.timeout(DEADLINE):
            await draining
        assert not plane.server.connections


async def test_a_connection_without_a_request_so_far_has_longer_than_one_that_had_an_answer() -> None:
    limits = ServerLimits(drain_grace=0.05, drain_first_grace=10 * DEADLINE)
    async with (
        working() as worker,
        running(worker, limits=limits) as plane,
        plane.client() as early,
        plane.client() as used,
    ):
        assert (await used.ask(GET)).status == 200
        await eventually(lambda: len(plane.server.connections) == 2, "both are there", DEADLINE)
        draining = asyncio.get_running_loop().create_task(plane.server.drain(10 * DEADLINE))
        assert await used.rest() == b""
        answer = await early.ask(GET)
        assert (answer.status, answer.field("Connection")) == (200, "close")
        assert await early.rest() == b""
        async with asyncio.timeout(DEADLINE):
            await draining
        assert not plane.server.connections


async def test_the_deadline_of_a_drain_bounds_the_wait_for_a_first_request() -> None:
    limits = ServerLimits(drain_first_grace=10 * DEADLINE)
    async with running(limits=limits) as plane, plane.client() as silent:
        await eventually(lambda: plane.server.connections, "it is there", DEADLINE)
        async with asyncio.timeout(DEADLINE):
            await plane.server.drain(0.1)
            await plane.server.stop()
        assert await silent.rest() == b""


async def test_whoever_arrives_while_a_server_drains_has_the_grace_and_no_more() -> None:
    limits = ServerLimits(drain_first_grace=0.05, head_time=10 * DEADLINE, last_call=0.0)
    async with running(limits=limits) as plane:
        with socket.create_connection(("127.0.0.1", plane.port), timeout=DEADLINE) as silent:
            async with asyncio.timeout(DEADLINE):
                await plane.server.drain(10 * DEADLINE)
            assert await asyncio.to_thread(silent.recv, 1) == b""


async def test_a_request_that_has_come_in_time_counts_however_late_we_are() -> None:
    class Busy(Forwarding):
        def begin(self, exchange: Exchange) -> None:
            if exchange.head.target == "/busy":
                connection.deadline = 0.0
                client.sendall(GET)
                time.sleep(0.05)  # nothing else is done: after it, the limit has passed and a request is there
            super().begin(exchange)

    limits = ServerLimits(keepalive=10 * DEADLINE)
    async with running(limits=limits, handler=Busy(to_app="/")) as plane:
        with socket.create_connection(("127.0.0.1", plane.port), timeout=DEADLINE) as client:
            await eventually(lambda: plane.server.connections, "it is connected", DEADLINE)
            [connection] = plane.server.connections
            for _ in range(5):
                assert (await plane.ask(b"GET /busy HTTP/1.1\r\nHost: g\r\n\r\n")).status == 404
                assert b" 404 " in await asyncio.to_thread(client.recv, 65536)


async def test_streams_end_at_the_deadline_of_a_drain() -> None:
    async def endless(reader: Reader, writer: Writer) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        await reader.read()

    async with working(endless) as worker, running(worker) as plane, plane.client() as client:
        await client.say(GET)
        await read_head(client.reader)
        await plane.server.drain(0.1)
        assert plane.server.connections
        await plane.server.stop()
        await plane.server.stop()
        assert not (await client.rest()).endswith(b"0\r\n\r\n")
        await eventually(lambda: not worker.open, "the worker is let go", DEADLINE)


async def test_a_drain_under_load_loses_no_request() -> None:
    async with working() as worker, running(worker, limits=ServerLimits(drain_grace=DEADLINE)) as plane:
        answered = asked = 0
        stop = False

        async def ask_on() -> None:
            nonlocal answered, asked
            while not stop:
                try:
                    async with plane.client() as client:
                        while True:
                            asked += 1
                            answer = await client.ask(GET)
                            answered += 1
                            if answer.field("Connection") == "close":
                                break
                except ConnectionRefusedError:
                    return

        tasks = [asyncio.get_running_loop().create_task(ask_on()) for _ in range(20)]
        await eventually(lambda: answered > 200, "there is load", DEADLINE)
        await plane.server.drain(DEADLINE)
        stop = True
        await asyncio.gather(*tasks)
        assert answered == asked
        assert not plane.server.connections


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shares new connections out")
async def test_two_servers_share_a_port() -> None:
    first = shared_socket("127.0.0.1", 0)
    port = first.getsockname()[1]
    second = shared_socket("127.0.0.1", port)
    handlers = [Forwarding(to_app="/"), Forwarding(to_app="/")]
    servers = [
        Http1Server(handler, [listener], sweep=Sweep())
        for handler, listener in zip(handlers, (first, second), strict=True)
    ]
    for server in servers:
        await server.start()
    for _ in range(1000):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert (await Client(reader, writer).ask(GET)).status == 404
        writer.close()
        if all(handler.begun for handler in handlers):
            break
    for server in servers:
        await server.stop()
    assert all(handler.begun for handler in handlers)


def test_a_port_that_is_taken_cannot_be_shared() -> None:
    with listening() as taken, pytest.raises(OSError):
        shared_socket("127.0.0.1", taken.getsockname()[1])


async def test_tls_is_spoken_and_known(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate, key)
    client_side = ssl.create_default_context(cafile=str(certificate))
    handler, listener = Forwarding(to_app="/"), listening()
    server = Http1Server(handler, [listener], sweep=Sweep(), tls=server_side)
    await server.start()
    try:
        port = listener.getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client_side)
        client = Client(reader, writer)
        assert (await client.ask(GET)).status == 404
        assert (await client.ask(b"BAD\r\n\r\n")).status == 400
        assert await client.rest() == b""
        writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()
        assert handler.begun[0].secure
        assert handler.begun[0].peer == "127.0.0.1"
    finally:
        await server.stop()


async def test_a_server_that_cannot_start_leaves_nothing_open() -> None:
    class Broken:
        async def start(self) -> None:
            raise RuntimeError("no")

        async def stop(self) -> None:
            stopped.append(True)

        def take(self, exchange: object) -> None: ...

    stopped: list[bool] = []
    listener = listening()
    server = Http1Server(Forwarding(), [listener], sweep=Sweep(), app=Broken())
    with pytest.raises(RuntimeError):
        await server.start()
    assert stopped
    assert listener.fileno() == -1


async def test_connections_are_limited_in_all() -> None:
    async with running(limits=ServerLimits(connections=1)) as plane, plane.client() as first:
        await first.say(b"G")
        await eventually(lambda: plane.server.connections, "the first is there", DEADLINE)
        async with plane.client() as second:
            assert (await second.answer()).status == 503


def test_an_ipv6_host_counts_by_its_network() -> None:
    assert counted_address("10.0.0.1") == "10.0.0.1"
    assert counted_address("::1") == "::1"
    assert counted_address("::ffff:10.0.0.1") == "10.0.0.1"
    assert counted_address("2001:db8::1:2:3:4") == counted_address("2001:db8::5") == "2001:db8::"
    assert counted_address("fe80::1%eth0") == "fe80::"
