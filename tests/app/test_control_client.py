"""The app follows a node's stream through restarts, sends intents, and trusts only what it should."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from app.control_client import ControlAddress, ControlClient, read_address
from app.intents import NodeRefused, NodeUnreachable
from node.program.tasks import TaskSet
from node.state import View
from node.wire.problems import Problem
from tests.support import samples
from tests.support.control_server import ControlServer
from tests.support.waiting import eventually


class Ear:
    """Hears what the stream says."""

    def __init__(self) -> None:
        self.views: list[View] = []
        self.lost = 0
        self.differs = 0

    def view_arrived(self, view: View) -> None:
        self.views.append(view)

    def connection_lost(self) -> None:
        self.lost += 1

    def version_differs(self) -> None:
        self.differs += 1


async def test_a_snapshot_comes_first_then_every_change(server: ControlServer, client: ControlClient) -> None:
    ear, tasks = Ear(), TaskSet("test")
    tasks.start(client.follow(ear), "follow")
    await eventually(lambda: ear.views, "a snapshot")
    server.show(samples.ONLINE)
    await eventually(lambda: ear.views[-1].state.phase == "online", "the change")
    assert ear.views[0].state.phase == "unenrolled"
    assert client.connected
    await tasks.stop()


async def test_a_node_that_comes_back_elsewhere_is_found_again(tmp_path: Path, client: ControlClient) -> None:
    ear, tasks = Ear(), TaskSet("test")
    tasks.start(client.follow(ear), "follow")
    first = ControlServer(tmp_path)
    await first.start()
    await eventually(lambda: ear.views, "the first node")
    await first.stop()
    await eventually(lambda: ear.lost == 1 and not client.connected, "the loss")
    second = ControlServer(tmp_path, samples.ONLINE)
    await second.start()
    await eventually(lambda: ear.views[-1].state.phase == "online", "the second node")
    await tasks.stop()
    await second.stop()


async def test_a_node_that_stops_is_not_kept_waiting(server: ControlServer, client: ControlClient) -> None:
    ear, tasks = Ear(), TaskSet("test")
    tasks.start(client.follow(ear), "follow")
    await eventually(lambda: ear.views, "a snapshot")
    server.show(msgspec.structs.replace(samples.ONLINE, phase="draining", stopping=True))
    await eventually(lambda: ear.lost, "hanging up")
    await tasks.stop()


async def test_views_of_another_version_are_said_so(server: ControlServer, client: ControlClient) -> None:
    ear, tasks = Ear(), TaskSet("test")
    server.view = "something else"  # type: ignore[assignment]
    tasks.start(client.follow(ear), "follow")
    await eventually(lambda: ear.differs, "the complaint")
    assert ear.views == []
    await tasks.stop()
    server.view = samples.view(samples.UNENROLLED)


async def test_an_intent_arrives_with_its_body(server: ControlServer, client: ControlClient) -> None:
    await client.send("/snooze", {"seconds": 60})
    assert server.intents == [("snooze", {"seconds": 60})]


async def test_a_refusal_keeps_its_kind_and_sentence(server: ControlServer, client: ControlClient) -> None:
    server.refusal = Problem("invite-invalid", "The invite was used already.")
    with pytest.raises(NodeRefused, match="used already") as caught:
        await client.send("/enroll", {})
    assert caught.value.kind == "invite-invalid"


async def test_no_node_and_a_silent_node_are_unreachable(
    tmp_path: Path, server: ControlServer, client: ControlClient
) -> None:
    server.hold = asyncio.Event()
    with pytest.raises(NodeUnreachable):
        await client.send("/pause", wait=0.1)
    server.hold.set()
    (tmp_path / "control.json").unlink()
    with pytest.raises(NodeUnreachable):
        await client.send("/pause")


async def test_a_stream_is_listened_to_until_it_ends(server: ControlServer, client: ControlClient) -> None:
    server.mesh = [b"one", b"two"]
    heard = []
    async for message in client.listen("/mesh/stream"):
        heard.append(message)
        if message == b"two":
            await server.stop()
    assert heard == [b"one", b"two"]


async def test_a_stream_that_is_refused_or_not_there_is_told(
    tmp_path: Path, server: ControlServer, client: ControlClient
) -> None:
    server.refusal = Problem("overloaded", "Too many watch.")
    with pytest.raises(NodeRefused):
        await anext(client.listen("/mesh/stream"))
    server.refusal = None
    client.closing = True
    with pytest.raises(NodeUnreachable):
        await anext(client.listen("/mesh/stream"))
    client.closing = False
    server.write_address("http://127.0.0.1:1")
    with pytest.raises(NodeUnreachable):
        await anext(client.listen("/mesh/stream"))
    (tmp_path / "control.json").unlink()
    with pytest.raises(NodeUnreachable):
        await anext(client.listen("/mesh/stream"))


async def test_only_the_node_that_wrote_the_file_answers(
    server: ControlServer, client: ControlClient, tmp_path: Path
) -> None:
    address = read_address(tmp_path)
    assert address is not None
    assert await client.answers(address)
    assert not await client.answers(ControlAddress(address.url, "another token", 1))
    assert not await client.answers(ControlAddress("http://127.0.0.1:1", address.token, 1))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"url":"http://127.0.0.1:1"}',
        '{"url":"http://mesh.example:80","token":"t","pid":1}',
        '{"url":"https://127.0.0.1:80","token":"t","pid":1}',
        '{"url":"http://10.0.0.1:80","token":"t","pid":1}',
    ],
)
def test_a_control_file_that_leads_elsewhere_is_not_believed(tmp_path: Path, text: str) -> None:
    (tmp_path / "control.json").write_text(text)
    assert read_address(tmp_path) is None


def test_ipv6_loopback_is_believed(tmp_path: Path) -> None:
    (tmp_path / "control.json").write_text('{"url":"http://[::1]:80","token":"t","pid":1}')
    assert read_address(tmp_path) == ControlAddress("http://[::1]:80", "t", 1)


async def test_after_sleep_it_connects_anew_and_hears_what_is_so_now(
    server: ControlServer, client: ControlClient
) -> None:
    ear, tasks = Ear(), TaskSet("test")
    tasks.start(client.follow(ear), "follow")
    await eventually(lambda: ear.views, "a snapshot")
    server.view = msgspec.structs.replace(server.view, state=samples.PAUSED)  # nobody is told of it
    client.reconnect()
    client.reconnect()
    await eventually(lambda: ear.views[-1].state.phase == "paused", "the truth")
    assert ear.lost == 1
    await eventually(lambda: client.connected, "the connection")
    await tasks.stop()


async def test_after_sleep_it_does_not_wait_for_its_next_try(
    tmp_path: Path, client: ControlClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.control_client.FIRST_PAUSE", 3600.0)
    monkeypatch.setattr("app.control_client.LONGEST_PAUSE", 3600.0)
    ear, tasks = Ear(), TaskSet("test")
    tasks.start(client.follow(ear), "follow")
    await asyncio.sleep(0)
    server = ControlServer(tmp_path)
    await server.start()
    assert ear.views == []
    client.reconnect()
    await eventually(lambda: ear.views, "the node")
    await tasks.stop()
    await server.stop()
