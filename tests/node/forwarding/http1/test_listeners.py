"""Leaving a port: whoever the kernel has connected is served, and others who hold the socket are not harmed."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
import ssl
import sys
import warnings

import pytest

from node.forwarding.http1.exchange import Exchange
from node.forwarding.http1.limits import ServerLimits
from node.forwarding.http1.listeners import Listeners, accepted, take_no_more
from node.forwarding.http1.server import Http1Server
from node.forwarding.http1.sweep import Sweep
from node.program.lifetime import make_loop
from node.program.tasks import TaskSet
from tests.support.http1 import DEADLINE, GET, Client, Forwarding, hang_up, listening
from tests.support.http1_program import served
from tests.support.waiting import eventually

LOOPS = ["asyncio"] if sys.platform == "win32" else ["asyncio", "uvloop"]
WAITING = 300


def connected(port: int) -> socket.socket:
    """Connect and ask; that nobody accepts it yet is no hindrance."""
    one = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
    one.sendall(GET)
    return one


def answer_on(one: socket.socket) -> bytes:
    with one:
        got = b""
        while data := one.recv(65536):
            got += data
    return got


@pytest.mark.skipif(sys.platform == "win32", reason="Windows stops no process")
@pytest.mark.parametrize("loop", LOOPS)
def test_whoever_waits_to_be_accepted_when_a_process_is_told_to_end_is_served(loop: str) -> None:
    with served(loop, pause=0.05) as (process, port):
        process.send_signal(signal.SIGSTOP)
        clients = [connected(port) for _ in range(WAITING)]
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)
        answers = [answer_on(one) for one in clients]
        assert process.stdout is not None
        assert process.wait(DEADLINE) == 0
        assert int(process.stdout.read()) == WAITING
    assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in answers)
    assert all(b"\r\nConnection: close\r\n" in answer for answer in answers)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can let a handshake end and begin no other")
async def test_a_process_that_is_told_to_end_under_load_loses_nobody_who_was_connected() -> None:
    answered = lost = 0
    loop = type(asyncio.get_running_loop()).__module__.partition(".")[0]

    async def ask_on() -> None:
        nonlocal answered, lost
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                return
            try:
                answered += (await Client(reader, writer).ask(GET)).status == 200
            except (OSError, EOFError):
                lost += 1
            finally:
                await hang_up(writer)

    with served(loop) as (process, port):
        asking = [asyncio.get_running_loop().create_task(ask_on()) for _ in range(16)]
        await eventually(lambda: answered >= 500, "there is load", DEADLINE)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(3 * DEADLINE):
            await asyncio.gather(*asking)
            assert await asyncio.to_thread(process.wait, DEADLINE) == 0
    assert not lost


async def test_those_in_the_queue_are_taken_when_nobody_accepts_in_time() -> None:
    """As where the system cannot be told to begin no further connections."""
    listener = listening()
    port = listener.getsockname()[1]
    handler = Forwarding(to_app="/")
    server = Http1Server(handler, [listener], sweep=Sweep(0.02), limits=ServerLimits(last_call=0.0))
    await server.start()
    clients = [connected(port) for _ in range(20)]  # all within one turn of the loop
    await server.drain(DEADLINE)
    assert not server.connections
    answers = [await asyncio.to_thread(answer_on, one) for one in clients]
    assert all(b"\r\nConnection: close\r\n" in answer for answer in answers)
    assert len(handler.over) == len(answers)
    await server.stop()
    with pytest.raises(ConnectionError):
        socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)


async def test_who_is_told_to_end_twice_ends_once() -> None:
    server = Http1Server(Forwarding(to_app="/"), [listening()], sweep=Sweep(0.02))
    await server.start()
    for _ in range(2):
        await server.drain(DEADLINE)
        await server.stop()


@pytest.mark.skipif(sys.platform == "win32", reason="sockets are shared by descriptors")
@pytest.mark.parametrize("drained", [True, False])
async def test_a_shared_socket_goes_on_for_those_who_hold_it(drained: bool) -> None:
    listener = listening()
    other = listener.dup()  # as another process has it
    port = listener.getsockname()[1]
    server = Http1Server(Forwarding(to_app="/"), [listener], sweep=Sweep(0.02), shared=True)
    await server.start()
    if drained:
        await server.drain(DEADLINE)
    await server.stop()
    with other, connected(port) as client:
        other.settimeout(DEADLINE)
        taken, _ = await asyncio.to_thread(other.accept)
        with taken:
            taken.settimeout(DEADLINE)
            assert await asyncio.to_thread(taken.recv, 65536) == GET
            taken.sendall(b"here")
        assert await asyncio.to_thread(client.recv, 65536) == b"here"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can")
def test_the_kernel_begins_no_further_connections_and_keeps_those_that_it_has() -> None:
    with listening() as listener:
        port = listener.getsockname()[1]
        before = connected(port)
        assert take_no_more(listener)
        with socket.socket() as late:
            late.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                late.connect(("127.0.0.1", port))
            [one] = accepted(listener)
            with one:
                one.setblocking(True)
                assert one.recv(65536) == GET
                one.sendall(b"here")
                assert before.recv(65536) == b"here"
            assert not accepted(listener)
            with pytest.raises(OSError, match="not connected"):
                late.getpeername()
        before.close()


def test_a_socket_that_is_closed_is_no_reason_to_wait() -> None:
    listener = listening()
    listener.close()
    assert not take_no_more(listener)


async def test_a_handshake_that_fails_while_leaving_harms_nobody() -> None:
    listener = listening()
    port = listener.getsockname()[1]
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made: list[asyncio.Protocol] = []

    def new() -> asyncio.Protocol:
        made.append(asyncio.Protocol())
        return made[-1]

    listeners = Listeners([listener], new, tls=tls, handshake_time=DEADLINE)
    clients = [connected(port) for _ in range(3)]  # plain HTTP
    async with asyncio.timeout(DEADLINE):
        await listeners.leave(0.0, shared=False)
    assert len(made) == 3
    for one in clients:
        with contextlib.suppress(ConnectionError):
            assert b"HTTP" not in await asyncio.to_thread(answer_on, one)
    await listeners.stop()


class Greeter:
    """Answers every request at once, and counts them."""

    answered = 0

    def begin(self, exchange: Exchange) -> None:
        exchange.answer(200, b"", b"here")
        self.answered += 1

    def finished(self, exchange: Exchange) -> None: ...


async def ask_one_that_leaves_after(turns: int) -> None:
    """Ask a server that ends so many turns of the loop after we connected; -1: it hears of both in one turn."""
    loop, greeter, told = asyncio.get_running_loop(), Greeter(), asyncio.Event()
    served_at_the_end: list[int] = []

    async def end() -> None:
        await server.drain(DEADLINE)
        await server.stop()
        served_at_the_end.append(greeter.answered)
        told.set()

    def begin_to_end() -> None:
        loop.remove_reader(hears)
        tasks.start(end(), "end")

    with listening() as held, contextlib.ExitStack() as stack:
        tasks, server = TaskSet("test"), Http1Server(greeter, [held.dup()], sweep=Sweep(), shared=True)
        await server.start()
        hears, says = map(stack.enter_context, socket.socketpair())
        hears.setblocking(False)
        loop.add_reader(hears, begin_to_end)
        for _ in range(3):  # until the loop watches both sockets, so that it hears of them in the order of events
            await asyncio.sleep(0)
        if turns < 0:
            says.send(b"end")
        client = stack.enter_context(socket.create_connection(held.getsockname(), DEADLINE))
        client.setblocking(False)
        for _ in range(turns):
            await asyncio.sleep(0)
        says.send(b"end")
        async with asyncio.timeout(DEADLINE):
            await loop.sock_sendall(client, GET)
            answer = await loop.sock_recv(client, 65536)
            await told.wait()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert served_at_the_end == [1], f"{turns} turns"


@pytest.mark.parametrize("loop", LOOPS)
def test_whoever_is_accepted_in_the_very_turn_in_which_a_server_leaves_is_served(loop: str) -> None:
    async def ask_all() -> None:
        for turns in (*range(6), *[-1] * 4):
            await ask_one_that_leaves_after(turns)

    with asyncio.Runner(loop_factory=make_loop if loop == "uvloop" else asyncio.new_event_loop) as runner:
        runner.run(ask_all())


async def stop_after(turns: int) -> list[socket.socket]:
    listener = listening()
    server = Http1Server(Forwarding(), [listener], sweep=Sweep())
    port = listener.getsockname()[1]
    await server.start()
    clients = [connected(port) for _ in range(3)]
    for _ in range(turns):
        await asyncio.sleep(0)
    await server.stop()
    assert not server.connections
    return clients


def test_whoever_is_accepted_in_the_very_turn_in_which_a_server_stops_is_not_left_open() -> None:
    gc.collect()  # what others left is theirs
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for turns in range(7):
            for client in asyncio.run(stop_after(turns)):
                client.close()
        gc.collect()
    assert [str(one.message) for one in caught] == []
