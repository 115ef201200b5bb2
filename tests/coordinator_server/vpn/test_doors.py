"""What members reach at the overlay address; another part of loopback plays the overlay."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from coordinator_server.front import FRONT
from coordinator_server.vpn.doors import Doors
from node.forwarding.http1.app_bridge import AppBridge
from node.forwarding.http1.server import Http1Server
from node.vpn.health import ask_coordinator
from node.wire.channel import Close as CloseCode
from node.wire.messages import DhtContact
from tests.support.channels import close_code, hear, open_channel
from tests.support.coordinators import Room, coordinator_room
from tests.support.front import Front, running_front

pytestmark = pytest.mark.skipif(sys.platform == "darwin", reason="loopback has one address there")
NETWORK, AT, ELSEWHERE = IPv4Network("127.42.0.0/16"), IPv4Address("127.42.0.1"), IPv4Address("127.42.0.2")
MEMBER = IPv4Address("127.42.0.11")


@contextlib.asynccontextmanager
async def member() -> AsyncIterator[aiohttp.ClientSession]:
    """A client inside of the overlay."""
    connector = aiohttp.TCPConnector(local_addr=(str(MEMBER), 0))
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


@contextlib.asynccontextmanager
async def doors_of(front: Front | Room, *, served_everywhere: bool = False) -> AsyncIterator[tuple[Doors, int]]:
    """Make doors at a port that is free everywhere."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    app = front.site.app
    bridge = front.site.server._server._app
    assert isinstance(bridge, AppBridge)
    doors = Doors(
        app[FRONT].gateway, bridge, front.coordinator.dht, NETWORK, port=port, served_everywhere=served_everywhere
    )
    try:
        yield doors, port
    finally:
        await doors.shut()


async def test_a_member_has_its_channel_there_too(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path, vpn="off") as room, doors_of(room) as (doors, port):
        worker = await room.worker()
        await worker.register()
        assert await doors.be_at(AT)
        async with member() as session:
            inside = replace(worker, url=f"http://{AT}:{port}", session=session)
            async with open_channel(inside) as end:
                await hear(end)
                await room.coordinator.workers.drain(worker.worker_id)
                assert (await hear(end)).draining
                await doors.shut()
                assert await close_code(end) != CloseCode.EXPELLED, "the overlay's going says nothing of the worker"


async def test_api_and_gateway_are_there_as_long_as_the_address_is(tmp_path: Path) -> None:
    async with running_front(tmp_path, anonymous=True) as front, doors_of(front) as (doors, port):
        assert await doors.be_at(AT)
        assert await doors.be_at(AT)
        assert await ask_coordinator(AT, port, MEMBER) is not None
        async with member() as session, session.get(f"http://{AT}:{port}/health") as answer:
            assert (await answer.json())["coordinator"] == front.coordinator.coordinator_id
        assert doors.contact == DhtContact(host=str(AT), port=front.coordinator.dht.port)
        assert await doors.be_at(ELSEWHERE)
        assert await ask_coordinator(ELSEWHERE, port, MEMBER) is not None
        assert await ask_coordinator(AT, port, MEMBER) is None
        assert await doors.be_at(None)
        assert await ask_coordinator(ELSEWHERE, port, MEMBER) is None
        assert doors.contact is None
        assert (await front.get("/health"))["status"] == "ok", "the application lives on"


async def test_members_show_keys_for_services_also_where_this_machine_needs_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_front(tmp_path, anonymous=True) as front, doors_of(front) as (doors, port):
        worker = await front.join("alpha")
        assert await doors.be_at(AT)
        monkeypatch.setattr("coordinator_server.gateway.access._is_loopback", lambda peer: peer == "127.0.0.1")
        async with member() as session:
            async with session.get(f"http://{AT}:{port}/service/echo/x") as answer:
                assert answer.status == 401
            key = await front.key()
            async with session.get(f"http://{AT}:{port}/service/echo/x", headers=key) as answer:
                assert (answer.status, answer.headers["X-RMA-Worker"]) == (200, worker.worker_id)


async def test_who_is_not_in_the_overlay_is_not_let_in_by_its_address(tmp_path: Path) -> None:
    async with running_front(tmp_path) as front, doors_of(front) as (doors, port):
        assert await doors.be_at(AT)
        for path in ("/health", "/service/echo/x", "/api/admin/status"):
            async with front.session.get(f"http://{AT}:{port}{path}", headers=front.admin) as answer:
                assert answer.status == 403
                assert "members" in (await answer.json(content_type=None))["detail"]
        assert await ask_coordinator(AT, port, MEMBER) is not None


async def test_a_port_that_somebody_has_is_said_and_taken_when_it_is_free(tmp_path: Path) -> None:
    async with running_front(tmp_path) as front, doors_of(front) as (doors, port):
        with socket.create_server((str(AT), port)):
            assert not await doors.be_at(AT)
            assert f"{AT} TCP port {port}: another program has it" in doors.trouble
            assert doors.contact is not None, "the DHT is there all the same"
        assert await doors.be_at(AT)
        assert doors.trouble == ""


async def test_an_address_that_is_not_there_yet_is_said(tmp_path: Path) -> None:
    async with running_front(tmp_path) as front, doors_of(front) as (doors, _):
        assert not await doors.be_at(IPv4Address("192.0.2.1"))
        assert "192.0.2.1" in doors.trouble
        assert doors.contact is None


async def test_a_port_that_is_served_everywhere_is_not_opened_again(tmp_path: Path) -> None:
    async with running_front(tmp_path) as front, doors_of(front, served_everywhere=True) as (doors, port):
        assert await doors.be_at(AT)
        assert await ask_coordinator(AT, port, MEMBER) is None, "here it is not"
        assert doors.contact is not None


async def test_requests_end_before_the_door_is_shut(tmp_path: Path) -> None:
    async with running_front(tmp_path) as front, doors_of(front) as (doors, port):
        await front.join("alpha")
        key = await front.key()
        await doors.drain(1.0)  # nothing is open yet
        assert await doors.be_at(AT)
        async with (
            member() as session,
            session.get(f"http://{AT}:{port}/service/echo/events", headers=key) as answer,
        ):
            await answer.content.readline()
            drained, rest = await asyncio.gather(doors.drain(60.0), answer.content.read())
            assert drained is None
            assert b"data: 2" in rest
        assert await ask_coordinator(AT, port, MEMBER) is None


async def test_a_dht_that_cannot_leave_keeps_no_other_door_open(tmp_path: Path, monkeypatch: Any) -> None:
    async with running_front(tmp_path) as front, doors_of(front) as (doors, port):
        assert await doors.be_at(AT)

        async def fail() -> None:
            raise OSError("it hangs on")

        with monkeypatch.context() as patched:
            patched.setattr(front.coordinator.dht, "leave_overlay", fail)
            with pytest.raises(OSError, match="it hangs on"):
                await doors.be_at(None)
        assert await ask_coordinator(AT, port, MEMBER) is None
        assert await doors.be_at(AT), "the port is free again"


async def test_a_server_that_cannot_start_leaves_the_port_free(tmp_path: Path, monkeypatch: Any) -> None:
    async with running_front(tmp_path) as front, doors_of(front) as (doors, _):
        with monkeypatch.context() as patched:

            async def fail(_server: object) -> None:
                raise OSError("out of luck")

            patched.setattr(Http1Server, "start", fail)
            with pytest.raises(OSError, match="out of luck"):
                await doors.be_at(AT)
        assert await doors.be_at(AT)
