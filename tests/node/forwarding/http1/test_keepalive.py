"""Peers that vanish: which options each system has for noticing, and that every connection of ours has them."""

from __future__ import annotations

import asyncio
import socket
import sys
from types import SimpleNamespace

import pytest

from node.forwarding.http1.keepalive import KeepAlive, has_left, options, watch
from node.forwarding.http1.limits import ServerLimits, UpstreamLimits
from tests.support.http1 import DEADLINE, GET, read_request, running, working
from tests.support.waiting import eventually

QUICK = KeepAlive(idle=7, interval=3, probes=2)
LINUX = {"TCP_KEEPIDLE": 4, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 6, "TCP_USER_TIMEOUT": 18}
WINDOWS = {"TCP_KEEPIDLE": 3, "TCP_KEEPINTVL": 17, "TCP_KEEPCNT": 16}
MACOS = {"TCP_KEEPALIVE": 16, "TCP_KEEPINTVL": 257, "TCP_KEEPCNT": 258}


def test_a_peer_that_has_vanished_is_given_up_within_two_minutes() -> None:
    assert KeepAlive().patience <= 120
    assert ServerLimits().watch == UpstreamLimits().watch == KeepAlive()


@pytest.mark.parametrize("names", [LINUX, WINDOWS, MACOS, {}], ids=["linux", "windows", "macos", "none"])
def test_every_system_is_told_in_its_own_words(names: dict[str, int]) -> None:
    values = {
        "TCP_KEEPIDLE": 7,
        "TCP_KEEPALIVE": 7,
        "TCP_KEEPINTVL": 3,
        "TCP_KEEPCNT": 2,
        "TCP_USER_TIMEOUT": 13_000,
    }
    expected = {(socket.IPPROTO_TCP, number, values[name]) for name, number in names.items()}
    expected.add((socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1))
    assert set(options(QUICK, SimpleNamespace(**names))) == expected


def test_a_socket_that_knows_no_such_option_is_left_as_it_is() -> None:
    class Other:
        def setsockopt(self, level: int, option: int, value: int) -> None:
            raise OSError("not for this kind of socket")

    watch(Other(), QUICK)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell what was set")
async def test_clients_and_workers_are_watched() -> None:
    async def never(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await reader.read()

    limits, upstream = ServerLimits(watch=QUICK), UpstreamLimits(watch=QUICK)
    async with (
        working(never) as worker,
        running(worker, limits=limits, upstream=upstream) as plane,
        plane.client() as client,
    ):
        await client.say(GET)
        await eventually(lambda: worker.open, "the worker is asked", DEADLINE)
        transports = [end.transport for end in plane.server.connections]
        transports += [end.transport for end in plane.upstreams.live]
        assert len(transports) == 2
        for transport in transports:
            connection = transport.get_extra_info("socket")
            for level, option, value in options(QUICK):
                assert connection.getsockopt(level, option) in (value, bool(value) * 8)  # macOS says 8 for "on"


def test_whether_a_peer_has_left_is_seen_without_reading() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for lingers in (b"\0\0\0\0\0\0\0\0", b"\1\0\0\0\0\0\0\0"):  # an orderly end, and a reset
            client = socket.create_connection(listener.getsockname())
            with listener.accept()[0] as ours:
                assert not has_left(ours)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, lingers)
                client.sendall(b"unread")
                client.close()
                assert has_left(ours) == (sys.platform == "linux")
            assert not has_left(ours), "a closed socket says nothing"
    assert not has_left(None)
    ours, theirs = socket.socketpair()  # as between processes of one coordinator
    with ours:
        assert not has_left(ours)
        theirs.sendall(b"unread")
        theirs.close()
        assert has_left(ours) == (sys.platform == "linux")
