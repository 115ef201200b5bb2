"""Whoever connects while a server ends is refused or served; nobody is accepted and then forgotten."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import warnings
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web

from node.program.accepting import TURNS, accept_no_more
from node.program.web import HttpServer, bind

Ending = tuple[int, Callable[[], Awaitable[object]]]  # the port of a server that runs, and how it ends


async def aiohttp_server() -> Ending:
    server = HttpServer(web.Application(), bind("127.0.0.1", 0))
    await server.start()
    return server.port, server.stop


async def stream_server() -> Ending:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)

    async def stop() -> None:
        await accept_no_more(server.sockets)
        server.close()
        await server.wait_closed()

    return server.sockets[0].getsockname()[1], stop


async def end_with(make: Callable[[], Awaitable[Ending]], turns: int, clients: list[socket.socket]) -> None:
    """End a server, to which somebody connects that many turns of the loop after it has begun to."""
    port, stop = await make()
    await asyncio.sleep(0.01)  # so that the loop has nothing else to do
    loop = asyncio.get_running_loop()

    def step(left: int) -> None:
        if left:
            loop.call_soon(step, left - 1)
        else:
            with contextlib.suppress(ConnectionRefusedError):
                clients.append(socket.create_connection(("127.0.0.1", port), timeout=20))

    step(turns)
    await stop()


@pytest.mark.parametrize("make", [aiohttp_server, stream_server])
def test_nobody_is_accepted_and_forgotten_while_a_server_ends(make: Callable[[], Awaitable[Ending]]) -> None:
    gc.collect()  # what others left is theirs
    clients: list[socket.socket] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for turns in range(2 * TURNS):
            asyncio.run(end_with(make, turns, clients))
        gc.collect()
    for client in clients:
        client.close()
    assert clients, "somebody came in time"
    assert [str(one.message) for one in caught] == []


async def test_what_is_closed_already_is_left_alone() -> None:
    listener = bind("127.0.0.1", 0)
    listener.close()
    await accept_no_more([listener])
