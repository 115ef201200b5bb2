"""A node's relay connections: opened when they are asked for, and no more; its doors look at what comes on them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from node.config import NodeConfig
from node.control import EnrollIntent
from node.coordinator_client import CoordinatorError
from node.forwarding.websocket.opening import Opened
from node.runtime import NodeRuntime
from node.tunnel.relay import RelayConnections, how_many
from node.wire.headers import MESH_TOKEN
from node.wire.manifests import Catalogue
from tests.support.coordinators import HOURLY, Room, coordinator_room
from tests.support.relays import hub
from tests.support.waiting import eventually


def room_at(folder: Path, **settings: Any) -> contextlib.AbstractAsyncContextManager[Room]:
    """Run a coordinator without services, whose workers have nothing but their channels to hear from it."""
    return coordinator_room(folder, time.time, Catalogue(()), vpn="off", **HOURLY, **settings)  # type: ignore[arg-type]  # it is called, no more


class Node:
    """A real node in this process."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        folder.mkdir()
        values: dict[str, Any] = {"port": 0, "dht_port": 0, "vpn": "off", "keyring": False, **settings}
        self.runtime = NodeRuntime(NodeConfig(**values), folder)

    @property
    def worker_id(self) -> str:
        return str(self.runtime.state.worker_id)

    @property
    def is_open(self) -> bool:
        return self.runtime.state.channel.open


@contextlib.asynccontextmanager
async def node_in(room: Room, folder: Path, **settings: Any) -> AsyncIterator[Node]:
    node = Node(folder, **settings)
    await node.runtime.start()
    try:
        await node.runtime.desk.enroll(EnrollIntent(coordinator=room.url, invite=await room.invite()))
        yield node
    finally:
        await node.runtime.stop()


@pytest.mark.parametrize(
    ("asked", "there", "opening", "most", "opened"),
    [
        (3, 0, 0, 64, 3),
        (100, 0, 0, 64, 64),
        (5, 60, 2, 64, 2),
        (5, 64, 0, 64, 0),
        (1, 70, 0, 64, 0),
        (3, 0, 0, 0, 0),
    ],
)
def test_no_more_are_opened_than_there_may_be(asked: int, there: int, opening: int, most: int, opened: int) -> None:
    assert how_many(asked, there, opening, most) == opened


async def test_a_burst_of_tickets_opens_few_at_once() -> None:
    opening: list[str] = []
    go_on = asyncio.Event()

    async def open_(_url: str, ticket: str) -> Opened:
        opening.append(ticket)
        await go_on.wait()
        raise CoordinatorError("It takes none.")

    relay = RelayConnections(open_, lambda: None, 4)
    relay.asked("http://coordinator", [str(number) for number in range(1000)])
    relay.asked("http://coordinator", ["late"])
    await eventually(lambda: len(opening) == 4, "some are being opened")
    assert relay.refused == 997
    relay.asked("http://another", [f"other {number}" for number in range(5)])
    await eventually(lambda: len(opening) == 8, "another coordinator may have as many")
    assert relay.refused == 998
    go_on.set()
    await eventually(lambda: not relay._opening, "nothing came of them")
    relay.asked("http://coordinator", ["next"])
    await eventually(lambda: opening[-1] == "next", "there is room again")
    await relay.stop()
    relay.asked("http://coordinator", ["too late"])
    assert opening[-1] == "next"


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with room_at(tmp_path / "c") as room:
        yield room


class Asking(asyncio.Protocol):
    """Speaks HTTP with a node, as its coordinator does."""

    def __init__(self) -> None:
        self.heard = b""
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self.heard += data

    def connection_lost(self, _error: Exception | None) -> None:
        self.lost = True

    async def ask(self, path: str, *lines: str) -> bytes:
        """Return the status line of the answer."""
        self.heard = b""
        head = "\r\n".join((f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *lines))
        self.transport.write(f"{head}\r\n\r\n".encode())
        await eventually(lambda: b"\r\n\r\n" in self.heard, "there is an answer")
        return self.heard.partition(b"\r\n")[0]


async def test_its_doors_look_at_it_as_at_any_other_request(room: Room, tmp_path: Path) -> None:
    async with node_in(room, tmp_path / "n") as node:
        await eventually(lambda: hub(room).offers(node.worker_id), "the relay is offered")
        asking = Asking()
        await hub(room).connect(node.worker_id, asking)
        token = room.coordinator.token_issuer.issue(node.worker_id)
        assert b" 401 " in await asking.ask("/service/ner"), "no token"
        assert b" 401 " in await asking.ask("/service/ner", f"{MESH_TOKEN}: nonsense")
        other = room.coordinator.token_issuer.issue("somebody-else")
        assert b" 401 " in await asking.ask("/service/ner", f"{MESH_TOKEN}: {other}")
        assert b" 404 " in await asking.ask("/service/unheard-of", f"{MESH_TOKEN}: {token}")
        assert b" 401 " in await asking.ask("/stats"), "it did not come from this machine"
        assert b" 200 " in await asking.ask("/health", f"{MESH_TOKEN}: {token}")
        assert len(node.runtime.standing) >= 1
    assert asking.lost, "a node that ends takes its connections along"
    await eventually(lambda: len(hub(room)) == 0, "all are gone")


@pytest.mark.parametrize("setting", [{"tunnel": "off"}, {"use_tunnel": False}, {"relay_connections": 0}])
async def test_it_offers_none_where_its_owner_wants_none(room: Room, tmp_path: Path, setting: Any) -> None:
    async with node_in(room, tmp_path / "n", **setting) as node:
        await eventually(lambda: node.is_open, "there is a channel all the same")
        assert not hub(room).offers(node.worker_id)
        with pytest.raises(OSError, match="no channel"):
            await hub(room).connect(node.worker_id, Asking())


async def test_a_restarted_coordinator_reaches_it_again(tmp_path: Path) -> None:
    async with room_at(tmp_path / "c") as first:
        port = int(first.url.rpartition(":")[2])
        node = node_in(first, tmp_path / "n")
        running = await node.__aenter__()
        await eventually(lambda: hub(first).offers(running.worker_id), "the relay is offered")
        await hub(first).connect(running.worker_id, Asking())
    try:
        async with room_at(tmp_path / "c", port=port) as second:
            await eventually(lambda: hub(second).offers(running.worker_id), "it is offered again")
            asking = Asking()
            await hub(second).connect(running.worker_id, asking)
            token = second.coordinator.token_issuer.issue(running.worker_id)
            assert b" 404 " in await asking.ask("/service/unheard-of", f"{MESH_TOKEN}: {token}")
    finally:
        await node.__aexit__(None, None, None)
