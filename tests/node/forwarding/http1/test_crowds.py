"""Many clients at once that do nothing, or everything slowly: they cost little, harm nobody and are cut in time."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import time

import pytest

from node.forwarding.http1.exchange import Exchange
from node.forwarding.http1.interface import Patience
from node.forwarding.http1.limits import ServerLimits
from tests.support.http1 import DEADLINE, GET, Forwarding, running, working
from tests.support.http1_program import ROOT, served
from tests.support.waiting import eventually

IDLE = 10_000
SPARE = 300  # files that a process has open beside its connections
SLOW = 300
CLIENTS = 50
HEAD_TIME = 3.0
LIMIT = "import tests.support.http1_program as program; print(program.raise_file_limit())"
POST = b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 1000\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n"


def ask(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(GET)
        return client.recv(4096)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows counts files otherwise")
def test_ten_thousand_idle_connections_are_kept_and_an_ordinary_client_is_served() -> None:
    allowed = int(subprocess.run([sys.executable, "-c", LIMIT], cwd=ROOT, capture_output=True, check=True).stdout)
    if allowed < IDLE + SPARE:
        pytest.skip(f"a process may have {allowed} files open here, and {IDLE + SPARE} are needed (ulimit -Hn)")
    crowd = [sys.executable, "-m", "tests.support.http1_crowd_program"]
    with (
        served("uvloop") as (server, port),
        subprocess.Popen(
            [*crowd, str(port), str(IDLE)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as clients,
    ):
        assert clients.stdout is not None
        try:
            assert int(clients.stdout.readline()) == IDLE
            for _ in range(20):
                assert ask(port).startswith(b"HTTP/1.1 200 ")
            told, _ = clients.communicate("go on\n", timeout=120)
        finally:
            clients.kill()
        assert int(told) == IDLE
        assert server.poll() is None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot be told to end a process politely")
def test_clients_that_drip_their_heads_are_all_cut_in_time_and_harm_nobody() -> None:
    with served("uvloop", head_time=HEAD_TIME) as (_, port):
        slow = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(SLOW)]
        for one in slow:
            one.sendall(b"GET / HTTP/1.1\r\n")
            one.setblocking(False)
        waiting, cut = set(slow), []
        end = time.monotonic() + 120.0
        while waiting:
            assert time.monotonic() < end
            for one in tuple(waiting):
                told = dripped(one)
                if told is not None:
                    cut.append(told)
                    waiting.discard(one)
                    one.close()
            assert ask(port).startswith(b"HTTP/1.1 200 ")
            time.sleep(0.1)
    assert len(cut) == SLOW
    assert all(told.startswith(b"HTTP/1.1 408 ") for told in cut if told)


def dripped(client: socket.socket) -> bytes | None:
    """Say one more line of a head, or return what was said to it at last: nothing where a reset overtook it."""
    try:
        return client.recv(4096)
    except BlockingIOError:
        with contextlib.suppress(OSError):
            client.send(b"X: y\r\n")
        return None
    except OSError:
        return b""


@pytest.mark.parametrize("start", [POST, CHUNKED + b"a\r\n12345"], ids=["counted", "chunked"])
@pytest.mark.parametrize("drips", [True, False])
async def test_clients_whose_bodies_do_not_come_are_all_cut_and_harm_nobody(start: bytes, drips: bool) -> None:
    """Those that stop after the time for a pause, those that drip after the time for the whole request."""
    limits = ServerLimits(body_idle=10 * DEADLINE if drips else 1.0)
    handler = Slowly(drips)
    async with working() as worker, running(worker, limits=limits, handler=handler) as plane:
        async with contextlib.AsyncExitStack() as stack:
            slow = [await stack.enter_async_context(plane.client()) for _ in range(CLIENTS)]
            for one in slow:
                await one.say(start)
            answers = [asyncio.get_running_loop().create_task(one.answer()) for one in slow]
            while not all(answer.done() for answer in answers):
                assert (await plane.ask(GET)).status == 200
                for one in slow if drips else ():
                    one.writer.write(b"x" if start is POST else b"")
                await asyncio.sleep(0.05)
            assert {(await answer).status for answer in answers} == {408}
        assert {(one.kind, one.status) for one in handler.troubles} == {("client", 408)}
        assert len(handler.troubles) == CLIENTS
        await eventually(lambda: worker.open <= 1, "the worker is let go, but for the ordinary client", DEADLINE)


class Slowly(Forwarding):
    """Gives bodies a second and a half in all where they drip."""

    def __init__(self, drips: bool) -> None:
        super().__init__()
        self.drips = drips

    def send(self, exchange: Exchange) -> None:
        if self.drips and exchange.head.has_body:
            self.patience = Patience(DEADLINE, DEADLINE, DEADLINE, exchange.began_at + 1.5)
        else:
            self.patience = Patience(DEADLINE, DEADLINE, DEADLINE)
        super().send(exchange)
