"""Looks at real coordinators: one that is ready, one that drains, one that is somebody else, one that is gone."""

from __future__ import annotations

import asyncio
import types
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node import events as e
from node.coordinator_client import CoordinatorClient
from node.coordinator_looks import CoordinatorLooks, named
from node.state import NodeState
from node.wire.messages import CoordinatorInfo
from node.wire.tokens import TokenIssuer
from tests.support.coordinators import Room, coordinator_room
from tests.support.node_values import MEMBERSHIP, assignment

GONE = CoordinatorInfo(id="gone", url="http://127.0.0.1:9")


@pytest.fixture
async def rooms(tmp_path: Path) -> AsyncIterator[list[Room]]:
    async with (
        coordinator_room(tmp_path / "a", vpn="off") as one,
        coordinator_room(tmp_path / "b", vpn="off") as two,
        coordinator_room(tmp_path / "c", vpn="off") as three,
    ):
        yield [one, two, three]


def knowing(*infos: CoordinatorInfo, interval: float = 0.01) -> NodeState:
    return NodeState(
        membership=msgspec.structs.replace(MEMBERSHIP, coordinators=infos),
        assignment=assignment(coordinators=infos, heartbeat_interval=interval),
        coordinator=infos[0].url,
        registered=True,
    )


class Node:
    """What the looks are for: a state, and what was dispatched."""

    def __init__(self, http: aiohttp.ClientSession, state: NodeState) -> None:
        key = Ed25519PrivateKey.generate()
        client = CoordinatorClient(http, TokenIssuer(key, "w1", "x", lambda: 0.0), "w1", key)
        session: Any = types.SimpleNamespace(client=client)
        self.state, self.heard = state, list[e.Event]()
        self.looks = CoordinatorLooks(lambda: self.state, lambda: session, self.heard.append, 20.0)

    async def look(self) -> None:
        """Look until something was found."""
        async with asyncio.timeout(60):
            while not self.heard:
                await self.looks.look()
                await asyncio.sleep(0.01)


async def test_each_is_asked_whether_it_is_ready_and_who_is_not_is_silent(rooms: list[Room]) -> None:
    first, drains, third = (room.coordinator for room in rooms)
    drains.readiness.draining = True
    another = CoordinatorInfo(id="another", url=third.info.url)
    async with aiohttp.ClientSession() as http:
        node = Node(http, knowing(first.info, drains.info, third.info, another, GONE))
        await node.look()
    (found,) = node.heard
    assert isinstance(found, e.CoordinatorsMeasured)
    assert [one.id for one in found.found] == [first.coordinator_id, third.coordinator_id]
    assert all(one.latency_ms > 0 and one.queue == 0 for one in found.found)
    assert found.silent == (drains.info.url, another.url, GONE.url)
    assert 0 <= found.draw < 1
    drains.readiness.draining = False


async def test_with_one_coordinator_there_is_nothing_to_choose_and_a_new_one_is_looked_at_soon(
    rooms: list[Room],
) -> None:
    first, second, _ = (room.coordinator.info for room in rooms)
    async with aiohttp.ClientSession() as http:
        node = Node(http, knowing(first, interval=3600.0))
        await node.looks.look()
        assert not node.heard
        node.state = knowing(first, second, interval=3600.0)
        await node.look()
        node.heard.clear()
        await node.looks.look()
        assert not node.heard, "not again for a while"
    assert named(msgspec.structs.replace(node.state, registered=False)) == named(NodeState()) == ()
