"""A worker is told how it is seen: its address, whether its port is open, whether its relay is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from aiohttp.test_utils import make_mocked_request

from coordinator_server.api import seen
from coordinator_server.api.seen import AT_ONCE, KEPT, MOST_KEPT, Knocks
from node.program.web import bind
from node.wire.messages import SeenAs
from tests.support.coordinators import Room, coordinator_room
from tests.support.relays import relayed_worker
from tests.support.waiting import eventually


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with coordinator_room(tmp_path / "c", anonymous=True, vpn="off") as room:
        yield room


async def test_a_port_is_open_or_closed_and_nobody_knocks_unasked(room: Room) -> None:
    worker = await room.worker("w1")
    unregistered = await worker.get("/api/worker/seen", {"knock": "1"})
    assert msgspec.json.decode(unregistered.body, type=SeenAs) == SeenAs(address="127.0.0.1")
    listener = bind("127.0.0.1", 0)
    listener.listen()
    port = listener.getsockname()[1]
    try:
        assert (await worker.register(port=port)).status == 200
        unasked = msgspec.json.decode((await worker.get("/api/worker/seen")).body, type=SeenAs)
        assert unasked == SeenAs(address="127.0.0.1", port=port, reached=None)
        opened = msgspec.json.decode((await worker.get("/api/worker/seen", {"knock": "1"})).body, type=SeenAs)
        assert opened == SeenAs(address="127.0.0.1", port=port, reached=True)
    finally:
        listener.close()
    other = await room.worker("w2")
    assert (await other.register(port=port)).status == 200
    closed = msgspec.json.decode((await other.get("/api/worker/seen", {"knock": "1"})).body, type=SeenAs)
    assert closed.reached is False


@pytest.mark.parametrize(
    ("peer", "field", "hidden"),
    [
        ("192.0.2.1", "CF-Connecting-IP", True),
        ("192.0.2.1", "Via", True),
        ("127.0.0.1", "X-Forwarded-For", False),
        ("192.0.2.1", "Accept", False),
    ],
)
def test_nobody_knocks_at_whoever_passes_requests_on(peer: str, field: str, hidden: bool) -> None:
    request = make_mocked_request("GET", "/", {field: "198.51.100.9"}).clone(remote=peer)
    assert seen.comes_through_others(request) == hidden


async def test_strangers_are_told_nothing(room: Room) -> None:
    async with room.session.get(room.url + "/api/worker/seen?knock=1") as answer:
        assert answer.status == 401


async def test_a_relay_is_seen(room: Room) -> None:
    async with relayed_worker(room) as worker:
        answer = await worker.client.seen(worker.info, knock=True)
        assert (answer.relay, answer.reached) == (True, False)


async def test_knocks_are_few_and_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, knocked = asyncio.Event(), []

    async def knock(host: str, port: int) -> bool:
        knocked.append((host, port))
        await go_on.wait()
        return True

    monkeypatch.setattr(seen, "takes_connections", knock)
    knocks = Knocks()
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(knocks.knock(f"w{one}", "192.0.2.1", 1)) for one in range(1, AT_ONCE + 4)]
        await eventually(lambda: len(knocked) == AT_ONCE and asked[-1].done(), "all have asked")
        go_on.set()
    assert [task.result() for task in asked] == [True] * AT_ONCE + [None] * 3
    assert await knocks.knock("w1", "192.0.2.1", 1) is True
    assert len(knocked) == AT_ONCE, "an answer is kept for a while"
    assert await knocks.knock("w1", "192.0.2.1", 22) is None
    assert await knocks.knock("w1", "192.0.2.9", 1) is None
    assert len(knocked) == AT_ONCE, "who names one port after another learns nothing of them"
    monkeypatch.setattr(seen, "KEPT", -1.0)
    assert KEPT > 0
    assert await knocks.knock("w1", "192.0.2.1", 1) is True
    assert len(knocked) == AT_ONCE + 1
    for number in range(MOST_KEPT + 9):
        await knocks.knock(f"w{number}", "192.0.2.2", 1)
    assert len(knocks._found) == MOST_KEPT
