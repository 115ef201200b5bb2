"""The listener at the overlay's address: it comes beside the main one, stays, and cuts nobody off."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator
from ipaddress import IPv4Network

import aiohttp
import pytest
from aiohttp import web

from node.forwarding.door import Door
from node.forwarding.http1.exchange import Exchange
from node.forwarding.plane import DataPlane
from node.overlay_door import OverlayDoor
from node.program.web import bind

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")
NETWORK = IPv4Network("127.0.0.0/8")  # in the place of the overlay


class NoDoor(Door):
    """Takes nothing, so that the application answers."""

    def __init__(self) -> None:
        super().__init__("/service/")

    def enter(self, exchange: Exchange) -> None:
        raise AssertionError("nobody asks for a service")


class House:
    """A main server and an overlay door with the same application behind them; `/slow` waits for `go`."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.go, self.inside = asyncio.Event(), asyncio.Event()
        self.main = self.make(bind(host, 0))
        self.door = OverlayDoor(lambda listener, _network: self.make(listener), 60.0)

    def make(self, listener: socket.socket) -> DataPlane:
        app = web.Application()
        app.router.add_get("/slow", self._slow)
        return DataPlane(NoDoor(), app, listener)

    async def _slow(self, _request: web.Request) -> web.Response:
        self.inside.set()
        await self.go.wait()
        return web.Response(text="done")

    def url(self, ip: str) -> str:
        return f"http://{ip}:{self.main.port}/slow"


@contextlib.asynccontextmanager
async def house(host: str = "127.0.0.1") -> AsyncIterator[tuple[House, aiohttp.ClientSession]]:
    made = House(host)
    await made.main.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield made, session
    finally:
        await made.door.stop()
        await made.door.stop()
        await made.main.stop()


async def get(session: aiohttp.ClientSession, url: str) -> str:
    async with session.get(url) as answer:
        return await answer.text()


async def test_both_addresses_answer_on_one_port() -> None:
    async with house() as (made, session):
        made.go.set()
        with pytest.raises(aiohttp.ClientConnectorError):
            await get(session, made.url("127.0.0.2"))
        assert await made.door.open("127.0.0.2", NETWORK, made.main) == ""
        assert await made.door.open("127.0.0.2", NETWORK, made.main) == "", "it is open already"
        for ip in ("127.0.0.1", "127.0.0.2"):
            assert await get(session, made.url(ip)) == "done"


async def test_another_address_does_not_cut_off_whoever_is_being_answered() -> None:
    async with house() as (made, session):
        await made.door.open("127.0.0.2", NETWORK, made.main)
        waiting = asyncio.get_running_loop().create_task(get(session, made.url("127.0.0.2")))
        await made.inside.wait()
        assert await made.door.open("127.0.0.3", NETWORK, made.main) == ""
        made.go.set()
        assert await waiting == "done"
        assert await get(session, made.url("127.0.0.3")) == "done"


async def test_a_node_that_listens_everywhere_needs_no_second_socket() -> None:
    async with house("0.0.0.0") as (made, session):
        made.go.set()
        assert await made.door.open("127.0.0.2", NETWORK, made.main) == ""
        assert await get(session, made.url("127.0.0.2")) == "done"


async def test_a_taken_port_is_told_and_can_be_tried_again() -> None:
    async with house() as (made, session):
        made.go.set()
        with socket.socket() as taken:
            taken.bind(("127.0.0.2", made.main.port))
            taken.listen()
            error = await made.door.open("127.0.0.2", NETWORK, made.main)
            assert f"Port {made.main.port} on 127.0.0.2 is in use." in error
        assert await made.door.open("127.0.0.2", NETWORK, made.main) == ""
        assert await get(session, made.url("127.0.0.2")) == "done"
        await made.door.drain(20.0)
