"""Two real nodes that cannot reach each other: what one asks of the other goes through their coordinator.

Each listens at a loopback address of its own with the same port. A node takes a loopback address with its own port
for itself, so that neither connects to the other.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from coordinator_server.serving import read_catalogue
from node.config import NodeConfig
from node.control import EnrollIntent
from node.runtime import NodeRuntime
from node.wire.headers import MESH_TOKEN, ROUTE, WORKER
from node.wire.manifests import Catalogue
from tests.support.coordinators import Answer, Room, coordinator_room, quick_config
from tests.support.relays import hub
from tests.support.waiting import eventually

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]
NER = "ner-extraction"
TEXT = msgspec.json.encode({"text": "Erika Mustermann lives in Bern."})
CALLER, CALLEE = "127.0.0.3", "127.0.0.2"


class Node:
    """A real node in this process, asked through its control API as its volunteer does."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        folder.mkdir()
        self.folder = folder
        quick: dict[str, Any] = {"worker_heartbeat": 1.0, "dht_republish": 1.0, "connect_timeout": 20.0}
        values = {"dht_port": 0, "vpn": "off", "keyring": False, **quick, **settings}
        self.runtime = NodeRuntime(NodeConfig(**values), folder)

    @property
    def worker_id(self) -> str:
        return str(self.runtime.state.worker_id)

    async def ask(self, path: str, body: bytes | None = None) -> Answer:
        file = msgspec.json.decode((self.folder / "control.json").read_bytes())
        head = {"Authorization": f"Bearer {file['token']}", "Content-Type": "application/json"}
        method = "GET" if body is None else "POST"
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, file["url"] + path, data=body, headers=head) as answer,
        ):
            return Answer(answer.status, answer.headers, await answer.read())

    async def call(self) -> Answer:
        return await self.ask(f"/call/{NER}", TEXT)

    async def until_route(self, route: str) -> Answer:
        """Call until the answer comes by this route."""
        end = time.monotonic() + 120.0
        while (answer := await self.call()).headers.get(ROUTE) != route:
            assert time.monotonic() < end, answer
            await asyncio.sleep(0.2)
        return answer


@contextlib.asynccontextmanager
async def running(node: Node, room: Room) -> AsyncIterator[Node]:
    await node.runtime.start()
    try:
        wish = EnrollIntent(coordinator=room.url, invite=await room.invite(trust="vetted"))
        await node.runtime.desk.enroll(wish)
        await eventually(lambda: node.runtime.state.channel.open, "it has a channel")
        yield node
    finally:
        await node.runtime.stop()


def common_port() -> int:
    """Return a port that is free at both addresses."""
    while True:
        with socket.socket() as one, socket.socket() as other:
            one.bind((CALLER, 0))
            with contextlib.suppress(OSError):
                other.bind((CALLEE, one.getsockname()[1]))
                return int(one.getsockname()[1])


@contextlib.asynccontextmanager
async def two_nodes(room: Room, folder: Path) -> AsyncIterator[tuple[Node, Node]]:
    """Run a node that calls and one that serves."""
    port = common_port()
    callee = Node(folder / "callee", host=CALLEE, port=port, allow=(NER,))
    caller = Node(folder / "caller", host=CALLER, port=port, allow=("notes-coa",))
    async with running(callee, room), running(caller, room):
        await eventually(lambda: room.coordinator.registry.running(NER), "it runs", 120)
        yield caller, callee


def room_at(folder: Path, **settings: Any) -> contextlib.AbstractAsyncContextManager[Room]:
    whole = read_catalogue(quick_config(folder))
    catalogue = Catalogue(tuple(one for one in whole.manifests if one.name == NER))
    return coordinator_room(folder, time.time, catalogue, vpn="off", worker_heartbeat=1.0, **settings)  # type: ignore[arg-type]  # it is called, no more


async def test_calls_go_through_the_coordinator_and_on_when_it_is_back(tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        first = await stack.enter_async_context(contextlib.AsyncExitStack())
        room = await first.enter_async_context(room_at(tmp_path / "c"))
        caller, callee = await stack.enter_async_context(two_nodes(room, tmp_path))

        answer = await caller.until_route("relay")
        assert (answer.status, answer.headers[WORKER]) == (200, callee.worker_id)
        for _ in range(100):
            answer = await caller.call()
            assert (answer.status, answer.headers[ROUTE], answer.headers["X-RMA-Attempts"]) == (200, "relay", "1")
        assert hub(room).connections(callee.worker_id)[0] >= 1
        await it_is_shown(caller, callee, room)
        await tokens_are_looked_at_by_the_worker_too(caller, callee, room)

        port = room.site.server.port
        await first.aclose()
        failed = await caller.call()
        assert failed.status in (502, 503), failed.body
        assert failed.json["service"] == NER

        await stack.enter_async_context(room_at(tmp_path / "c", port=port))
        answer = await caller.until_route("relay")
        assert (answer.status, answer.headers[WORKER]) == (200, callee.worker_id)


async def it_is_shown(caller: Node, callee: Node, room: Room) -> None:
    (candidate,) = (await caller.ask(f"/explain/{NER}")).json["candidates"]
    assert (candidate["worker_id"], candidate["route"]) == (callee.worker_id, "relay")
    assert candidate["address"] == f"{room.url}/relay/{callee.worker_id}"
    (peer,) = [one for one in (await caller.ask("/peers")).json if one["worker_id"] == callee.worker_id]
    assert peer["route"] == "relay"
    session = caller.runtime.session
    assert session is not None
    assert session.router.stats().requests_by_route.get("relay", 0) > 100


async def tokens_are_looked_at_by_the_worker_too(caller: Node, callee: Node, room: Room) -> None:
    """A coordinator that is not honest can send what it was given to nobody else."""
    session = caller.runtime.session
    assert session is not None
    token = session._issuer.issue(callee.worker_id)
    assert b" 200 " in await at_the_worker(room, callee, token)
    assert b" 401 " in await at_the_worker(room, caller, token), "it is for another worker"


class Asking(asyncio.Protocol):
    """Speaks HTTP with a node, as its coordinator does."""

    def __init__(self) -> None:
        self.heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self.heard += data


async def at_the_worker(room: Room, node: Node, token: str) -> bytes:
    """Return the status line with which a node answers the coordinator."""
    asking = Asking()
    await hub(room).connect(node.worker_id, asking)
    head = f"POST /service/{NER} HTTP/1.1\r\nHost: w\r\n{MESH_TOKEN}: {token}\r\nX-RMA-Hops: 1\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(TEXT)}\r\n\r\n"
    asking.transport.write(head.encode() + TEXT)
    await eventually(lambda: b"\r\n\r\n" in asking.heard, "there is an answer")
    asking.transport.abort()
    return asking.heard.partition(b"\r\n")[0]
