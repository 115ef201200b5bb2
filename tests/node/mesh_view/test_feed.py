"""The mesh as the control API of a real node tells it, with a real coordinator to ask."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import msgspec
import pytest

from coordinator_server.front import FRONT
from node.config import NodeConfig
from node.control import EnrollIntent
from node.control_file import FILE_NAME, ControlFile
from node.mesh_view import feed
from node.mesh_view.changes import applied
from node.mesh_view.values import MeshChange, MeshMessage, MeshSnapshot, MeshView
from node.routing.stats import Outcome
from node.runtime import NodeRuntime
from node.wire.manifests import Catalogue
from tests.support.coordinators import Room, coordinator_room
from tests.support.waiting import eventually


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    """Run a coordinator without services: a node that cannot run what it is given is online only in passing."""
    async with coordinator_room(tmp_path / "coordinator", time.time, Catalogue(())) as made:  # type: ignore[arg-type]  # it is called, no more
        yield made


@pytest.fixture
async def node(room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[NodeRuntime]:
    """Run a node that ends before its coordinator: what it takes back is heard at once."""
    monkeypatch.setattr(feed, "PERIOD", 0.02)
    config = NodeConfig(port=0, dht_port=0, keyring=False, vpn="off", name="Anna's PC", worker_heartbeat=0.1)
    runtime = NodeRuntime(config, tmp_path)
    await runtime.start()
    yield runtime
    await runtime.stop()


@pytest.fixture
async def control(node: NodeRuntime, tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    file = msgspec.json.decode((tmp_path / FILE_NAME).read_bytes(), type=ControlFile)
    async with aiohttp.ClientSession(file.url, headers={"Authorization": f"Bearer {file.token}"}) as session:
        yield session


class Watcher:
    """Reads a stream as the app does."""

    def __init__(self, stream: aiohttp.ClientWebSocketResponse) -> None:
        self.stream = stream
        self.view = MeshView()
        self.sequence = -1

    async def next(self) -> MeshView:
        message: MeshSnapshot | MeshChange = msgspec.json.decode(
            await self.stream.receive_str(timeout=60), type=MeshMessage
        )
        assert message.sequence == self.sequence + 1
        self.sequence = message.sequence
        self.view = message.view if isinstance(message, MeshSnapshot) else applied(self.view, message)
        return self.view

    async def until(self, worker_id: str) -> None:
        while worker_id not in {worker.id for worker in self.view.workers}:
            await self.next()


async def test_outside_of_a_mesh_there_is_nothing_to_see(control: aiohttp.ClientSession) -> None:
    async with control.get("/mesh") as answer:
        assert msgspec.json.decode(await answer.read(), type=MeshView) == MeshView()


async def test_a_watcher_sees_the_mesh_as_it_grows_shrinks_and_loses_its_coordinator(
    node: NodeRuntime, control: aiohttp.ClientSession, room: Room
) -> None:
    listeners = room.site.app[FRONT].stream
    own_id = await node.desk.enroll(EnrollIntent(coordinator=room.url, invite=await room.invite()))
    await eventually(lambda: node.state.phase == "online", "online")
    assert len(listeners) == 0, "nobody looks, so nobody asks"
    async with control.ws_connect("/mesh/stream") as stream:
        watcher = Watcher(stream)
        first = await watcher.next()
        assert (first.own_id, watcher.sequence) == (own_id, 0)
        other = await room.worker("w-other")
        assert (await other.register()).status == 200
        await watcher.until("w-other")
        assert watcher.view.source == "coordinator"
        assert len(listeners) == 1
        shown = {worker.id: worker for worker in watcher.view.workers}
        assert (shown[own_id].name, shown["w-other"].name, shown["w-other"].route) == ("Anna's PC", "", None)
        assert [item.ours for item in watcher.view.coordinators] == [True]
        assert node.session is not None
        node.session._request_ended(Outcome("ner", "w-other", "direct", 200, 0.1, 1))
        node.session._request_ended(Outcome("ner", own_id, "local", 200, 0.1, 1))
        assert set(node.session.traffic.rates(time.monotonic())) == {"w-other"}
        assert (await other.say("leave")).status == 200
        while "w-other" in {worker.id for worker in watcher.view.workers}:
            await watcher.next()
        await room.site.server.stop()
        while watcher.view.source != "earlier":
            await watcher.next()
        assert watcher.view.trouble
        assert watcher.view.told_at is not None
    await eventually(lambda: node.desk.mesh.watchers == 0, "nobody looks any more")
    await eventually(lambda: len(node.desk.mesh._tasks) == 0, "nothing goes on for nobody")


async def test_two_who_watch_share_one_question_and_too_many_are_turned_away(
    node: NodeRuntime, control: aiohttp.ClientSession, room: Room
) -> None:
    await node.desk.enroll(EnrollIntent(coordinator=room.url, invite=await room.invite()))
    streams = [await control.ws_connect("/mesh/stream") for _ in range(feed.MAX_WATCHERS)]
    for stream in streams:
        await stream.receive(timeout=60)
    await eventually(lambda: len(room.site.app[FRONT].stream) == 1, "one question for all")
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await control.ws_connect("/mesh/stream")
    assert caught.value.status == 503
    for stream in streams:
        await stream.close()
    await eventually(lambda: len(room.site.app[FRONT].stream) == 0, "no more questions")
