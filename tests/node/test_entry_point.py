"""A node tells its address while it has one, proves it only to whom it asked, and serves frontends there."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from coordinator_server.front import FRONT
from node import events as e
from node.config import NodeConfig
from node.control import EnrollIntent
from node.entry_point import SELDOM, EntryPoint, Wish, wish_of
from node.runtime import NodeRuntime
from node.state import NodeState, TunnelStatus
from node.wire.entry_points import CHALLENGE, EntryPointAnswer
from node.wire.manifests import Catalogue
from node.wire.messages import Capabilities
from tests.support.coordinators import Room, coordinator_room
from tests.support.entry_points import Carrying, carry
from tests.support.node_values import MEMBERSHIP
from tests.support.waiting import eventually

URL = "https://worker.example.org"
PAGE, OTHER_PAGE = "https://app.example", "https://evil.example"
ASKS = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
UP = TunnelStatus(kind="own", state="up", url=URL)


@contextlib.asynccontextmanager
async def meeting(folder: Path, trust: str = "vetted") -> AsyncIterator[tuple[Room, Carrying, NodeRuntime]]:
    """Run a coordinator and a node that has joined it."""
    settings: dict[str, Any] = {"worker_heartbeat": 1.0, "cors_origins": (PAGE,)}
    async with coordinator_room(folder / "room", time.time, Catalogue(()), **settings) as room:  # type: ignore[arg-type]  # it is called, no more
        carrying = carry(room)
        config = NodeConfig(port=0, dht_port=0, keyring=False, vpn="off", worker_heartbeat=0.2)
        (folder / "node").mkdir()
        node = NodeRuntime(config, folder / "node")
        await node.start()
        try:
            await node.desk.enroll(EnrollIntent(coordinator=room.url, invite=await room.invite(trust=trust)))
            await eventually(lambda: node.state.phase == "online", "online")
            yield room, carrying, node
        finally:
            await node.stop()


def listed(room: Room) -> list[str]:
    return [one.access_url for one in room.site.app[FRONT].entry_points.listed()]


async def test_a_node_is_an_entry_point_while_it_has_an_address_and_serves_who_has_a_token(tmp_path: Path) -> None:
    async with meeting(tmp_path) as (room, carrying, node):
        challenge = {CHALLENGE: "n" * 32, "X-Forwarded-For": "203.0.113.9"}
        async with room.session.get(node.url + "/health", headers=challenge) as answer:
            assert answer.status == 401, "nobody asked for it"
        _, key = await room.coordinator.keys.create("frontend", rate="3/day")
        async with room.session.post(room.url + "/api/client-token", headers={"X-API-Key": key}) as answer:
            shown = {"Authorization": f"Bearer {(await answer.json())['token']}"}
        target = node.url + "/service/no-such-service"
        async with room.session.options(target, headers={**ASKS, "Origin": PAGE}) as answer:
            assert answer.status == 401, "web pages have nothing to ask here yet"
            assert not any(name.startswith("Access-Control") for name in answer.headers)
        async with room.session.get(target, headers=shown) as answer:
            assert answer.status == 401
            assert "no entry point" in (await answer.json())["detail"]

        carrying.ways[URL] = node.url
        node.dispatch(e.TunnelChanged(UP))
        await eventually(lambda: listed(room) == [URL], "listed")
        await eventually(lambda: node.entry_point.listed, "and the node knows")
        assert URL in node.entry_point.text
        checks = {check.name: check for check in await node.desk.doctor()}
        assert checks["entry point"].ok
        async with room.session.get(node.url + "/health", headers=challenge) as answer:
            assert answer.status == 401, "the look is over"

        async with room.session.options(target, headers={**ASKS, "Origin": PAGE}) as answer:
            assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (204, PAGE)
            assert answer.headers["Access-Control-Allow-Headers"] == "authorization"
        async with room.session.options(target, headers={**ASKS, "Origin": OTHER_PAGE}) as answer:
            assert answer.status == 403
            assert "Access-Control-Allow-Origin" not in answer.headers
        async with room.session.get(target, headers={"Origin": OTHER_PAGE}) as answer:
            assert (answer.status, answer.headers["Vary"]) == (401, "Origin")
            assert "Access-Control-Allow-Origin" not in answer.headers
        statuses = []
        for _ in range(4):
            async with room.session.get(target, headers={**shown, "Origin": PAGE}) as answer:
                statuses.append(answer.status)
                assert answer.headers["Access-Control-Allow-Origin"] == PAGE
        assert statuses == [404, 404, 404, 429], "unknown-service: it was let in"
        async with room.session.get(target, headers={"X-API-Key": key}) as answer:
            assert answer.status == 401
            assert "POST /api/client-token" in (await answer.json())["detail"]
        async with room.session.get(node.url + "/stats", headers={**shown, "Via": "1.1 x"}) as answer:
            assert answer.status == 401, "frontends get services, nothing else"

        node.dispatch(e.PauseRequested(None))
        await eventually(lambda: not listed(room), "a resting node is none")
        node.dispatch(e.ResumeRequested())
        await eventually(lambda: listed(room) == [URL], "again")
        node.dispatch(e.TunnelChanged(TunnelStatus()))
        await eventually(lambda: not listed(room), "withdrawn")
        assert not node.entry_point.wished
    assert len(asyncio.all_tasks()) == 1


async def test_who_is_not_vetted_is_told_why_it_is_not_listed(tmp_path: Path) -> None:
    async with meeting(tmp_path, trust="volunteer") as (room, _, node):
        node.dispatch(e.TunnelChanged(UP))
        await eventually(lambda: "vetted" in node.entry_point.text, "told")
        assert not node.entry_point.listed
        assert listed(room) == []


async def test_another_machine_at_the_address_is_told_as_such(tmp_path: Path) -> None:
    async with meeting(tmp_path) as (room, carrying, node):
        carrying.ways[URL] = room.url  # a coordinator answers /health too
        node.dispatch(e.TunnelChanged(UP))
        await eventually(lambda: "Something else answers" in node.entry_point.text, "told")
        assert node.entry_point.text.count(URL) == 1, "the coordinator names the address, too"
        (check,) = node.entry_point.checks()
        assert not check.ok
        assert check.hint
        assert listed(room) == []
        assert "entry-point-refused" in await room.actions()


def state(**changes: Any) -> NodeState:
    return NodeState(**{"membership": MEMBERSHIP, "registered": True, "coordinator": "https://c", **changes})


@pytest.mark.parametrize(
    ("changes", "settings", "url"),
    [
        ({}, {}, ""),
        ({"tunnel": UP}, {}, URL),
        ({"tunnel": UP, "membership": None}, {}, ""),
        ({"tunnel": TunnelStatus(url="http://worker.example.org")}, {}, ""),
        ({"tunnel": TunnelStatus(url="http://8.8.8.8:9000")}, {}, "http://8.8.8.8:9000"),
        ({"capabilities": Capabilities(public_ip="8.8.8.8")}, {}, ""),
        ({"capabilities": Capabilities(public_ip="8.8.8.8")}, {"host": "0.0.0.0"}, "http://8.8.8.8:8000"),
        ({"capabilities": Capabilities(public_ip="8.8.8.8")}, {"host": "8.8.8.8"}, "http://8.8.8.8:8000"),
        ({"capabilities": Capabilities(public_ip="8.8.8.8")}, {"host": "0.0.0.0", "tunnel": "off"}, ""),
        ({"capabilities": Capabilities(public_ip="8.8.8.8")}, {"host": "0.0.0.0", "use_tunnel": False}, ""),
        (
            {"capabilities": Capabilities(public_ip="2606:4700::1111")},
            {"host": "::"},
            "http://[2606:4700::1111]:8000",
        ),
        ({"tunnel": UP, "capabilities": Capabilities(public_ip="8.8.8.8")}, {"host": "0.0.0.0"}, URL),
    ],
)
def test_which_address_is_told(changes: dict[str, Any], settings: dict[str, Any], url: str) -> None:
    assert wish_of(state(**changes), NodeConfig(**settings), lambda: 8000).url == url


@pytest.mark.parametrize("resting", ["paused", "draining", "stopping", "leaving"])
def test_a_resting_node_tells_nothing(resting: str) -> None:
    config = NodeConfig()
    assert wish_of(state(tunnel=UP), config, lambda: 8000) == Wish(URL, True, "https://c")
    assert not wish_of(state(tunnel=UP, **{resting: True}), config, lambda: 8000).may_tell
    assert not wish_of(state(tunnel=UP, registered=False), config, lambda: 8000).may_tell


@pytest.mark.parametrize("stale_after", [0.0, -1.0, float("nan"), 0.001])
async def test_a_coordinator_that_forgets_at_once_is_not_told_all_the_time(stale_after: float) -> None:
    answer = EntryPointAnswer(listed=True, access_url=URL, stale_after=stale_after)

    async def register(*_: Any) -> EntryPointAnswer:
        return answer

    contact: Any = SimpleNamespace(client=SimpleNamespace(register_entry_point=register), coordinator=None)
    point = EntryPoint(NodeConfig(), state, lambda: 8000, lambda: contact)
    assert await point._tell(contact, URL) == SELDOM
