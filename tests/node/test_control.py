"""The control API of a real node: its token, its stream, its intents."""

from __future__ import annotations

import asyncio
import socket
import stat
import time
from collections.abc import AsyncIterator
from email.utils import formatdate
from pathlib import Path

import aiohttp
import msgspec
import pytest
from aiohttp import web

from node.config import NodeConfig
from node.control import check_token
from node.control_file import FILE_NAME, ControlFile
from node.program.web import HttpServer, bind
from node.rules.settings import Rules
from node.runtime import NodeRuntime
from node.state import View
from node.survey import Survey
from node.wire.invites import make_invite
from node.wire.problems import Problem


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[NodeRuntime]:
    runtime = NodeRuntime(NodeConfig(port=0, dht_port=0, keyring=False, vpn="off", name="Anna's PC"), tmp_path)
    await runtime.start()
    yield runtime
    await runtime.stop()
    await runtime.stop()


@pytest.fixture
async def control(node: NodeRuntime, tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    file = msgspec.json.decode((tmp_path / FILE_NAME).read_bytes(), type=ControlFile)
    async with aiohttp.ClientSession(file.url, headers={"Authorization": f"Bearer {file.token}"}) as session:
        yield session


async def problem_of(answer: aiohttp.ClientResponse) -> tuple[int, str]:
    return answer.status, (await answer.json(content_type=None))["type"].rpartition("/")[2]


async def test_the_file_is_private_and_goes_with_the_node(node: NodeRuntime, tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    await node.stop()
    assert not path.exists()


async def test_without_the_token_nothing_is_told(node: NodeRuntime, tmp_path: Path) -> None:
    file = msgspec.json.decode((tmp_path / FILE_NAME).read_bytes(), type=ControlFile)
    async with aiohttp.ClientSession() as session:
        for sent in ({}, {"Authorization": "Bearer x"}, {"Authorization": file.token}):
            for path in ("/view", "/stream", "/stats", "/call/ner", "/nothing"):
                async with session.get(file.url + path, headers=sent) as answer:
                    assert await problem_of(answer) == (401, "unauthorized")


async def test_a_watcher_gets_the_view_and_then_every_change(
    node: NodeRuntime, control: aiohttp.ClientSession
) -> None:
    async with control.ws_connect("/stream") as stream:
        first = msgspec.json.decode(await stream.receive_str(timeout=30), type=View)
        assert first.state.phase == "unenrolled"
        assert first.state.name == "Anna's PC"
        node.desk.pause()
        async with asyncio.timeout(30):
            while not (view := msgspec.json.decode(await stream.receive_str(), type=View)).state.paused:
                assert view.sequence > first.sequence
    async with control.get("/view") as answer:
        assert msgspec.json.decode(await answer.read(), type=View).state.paused


async def test_a_stream_that_breaks_off_is_closed_so_that_nobody_takes_what_is_old_for_new(
    node: NodeRuntime, control: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with control.ws_connect("/stream") as stream:
        await stream.receive_str(timeout=30)
        torn = msgspec.structs.replace(node.state, name="\udcff")  # which JSON cannot say
        monkeypatch.setattr(node, "state", torn)
        node.desk.pause()
        async with asyncio.timeout(30):
            while (message := await stream.receive()).type is aiohttp.WSMsgType.TEXT:
                pass
        assert stream.close_code == aiohttp.WSCloseCode.INTERNAL_ERROR, message


async def test_a_watcher_that_was_killed_leaves_no_trace_in_the_log(
    node: NodeRuntime,
    control: aiohttp.ClientSession,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def gone(*_: object) -> None:
        raise aiohttp.ClientConnectionResetError("Cannot write to closing transport")

    async with control.ws_connect("/stream") as stream:
        await stream.receive_str(timeout=30)
        (sender,) = (task for task in asyncio.all_tasks() if task.get_name() == "control:stream")
        monkeypatch.setattr(web.WebSocketResponse, "send_str", gone)
        node.desk.pause()
        await asyncio.wait({sender}, timeout=30)
        assert sender.done()
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []


async def test_too_many_watchers_are_turned_away(node: NodeRuntime, control: aiohttp.ClientSession) -> None:
    streams = [await control.ws_connect("/stream") for _ in range(16)]
    for stream in streams:
        await stream.receive(timeout=30)
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await control.ws_connect("/stream")
    assert caught.value.status == 503
    for stream in streams:
        await stream.close()


async def test_pause_snooze_and_resume(node: NodeRuntime, control: aiohttp.ClientSession) -> None:
    async with control.post("/snooze", json={"seconds": 60}) as answer:
        assert answer.status == 202
    assert node.state.snoozed_until is not None
    async with control.post("/pause") as answer:
        assert answer.status == 202
    assert node.state.paused
    assert node.state.snoozed_until is None
    async with control.post("/resume") as answer:
        assert answer.status == 202
    assert not node.state.paused


@pytest.mark.parametrize(
    ("path", "body", "status", "kind"),
    [
        ("/snooze", b'{"seconds": -1}', 422, "invalid-body"),
        ("/snooze", b'{"seconds": "long"}', 422, "invalid-body"),
        ("/snooze", b"{", 400, "invalid-request"),
        ("/enroll", b'{"link": 5}', 422, "invalid-body"),
        ("/enroll", b'{"link": "rma-mesh://enroll?coordinator=http://c&invite=RMA-X"}', 422, "invite-invalid"),
        ("/enroll", b"{}", 422, "invite-invalid"),
        ("/leave", b"", 409, "conflict"),
        ("/services/ner-extraction/restart", b"", 404, "unknown-service"),
        ("/call/ner", b"{}", 503, "no-worker"),
    ],
)
async def test_what_cannot_be_done_is_said(
    control: aiohttp.ClientSession, path: str, body: bytes, status: int, kind: str
) -> None:
    async with control.post(path, data=body) as answer:
        assert await problem_of(answer) == (status, kind)


async def test_outside_any_mesh_nothing_can_be_explained(control: aiohttp.ClientSession) -> None:
    async with control.get("/explain/ner") as answer:
        assert await problem_of(answer) == (409, "conflict")
    async with control.get("/explain/") as answer:
        assert await problem_of(answer) == (404, "not-found")


async def test_stop_ends_the_node(node: NodeRuntime, control: aiohttp.ClientSession) -> None:
    async with control.post("/stop") as answer:
        assert answer.status == 202
    await asyncio.wait_for(node.wait(asyncio.Event()), 30)
    assert node.state.phase == "stopped"


async def test_watchers_are_told_when_the_node_goes(node: NodeRuntime, control: aiohttp.ClientSession) -> None:
    stream = await control.ws_connect("/stream")
    await stream.receive(timeout=30)
    stopping = asyncio.get_running_loop().create_task(node.stop())
    async with asyncio.timeout(30):
        while (message := await stream.receive()).type is aiohttp.WSMsgType.TEXT:
            pass
    assert message.type is aiohttp.WSMsgType.CLOSE
    assert stream.close_code == aiohttp.WSCloseCode.GOING_AWAY
    await stopping


async def test_who_has_not_joined_yet_may_have_the_computer_looked_at(
    node: NodeRuntime, control: aiohttp.ClientSession
) -> None:
    async with control.post("/survey") as answer:
        found = msgspec.json.decode(await answer.read(), type=Survey)
    assert found.capabilities.cpu_threads > 0
    assert node.state.capabilities == found.capabilities


async def test_why_a_coordinator_cannot_be_used_is_told_with_what_to_do(
    node: NodeRuntime, control: aiohttp.ClientSession, tmp_path: Path
) -> None:
    with socket.socket() as taken:  # nobody listens there, and nobody else can
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        intent = {"coordinator": url, "invite": make_invite(bytes(10), bytes(32)).code}
        async with control.post("/enroll", json={**intent, "rules": {"on_battery": False}}) as answer:
            told = await answer.json(content_type=None)
    assert told["type"].endswith("no-coordinator")
    assert told["cause"] == "refused"
    assert "no coordinator runs at that address" in told["why"]
    assert told["hint"]
    assert node.rules.rules == Rules(), "rules that came with an enrolment hold with it only"
    assert not (tmp_path / "rules.json").exists()


async def test_a_clock_that_is_wrong_is_told_as_the_cause(
    node: NodeRuntime, control: aiohttp.ClientSession
) -> None:
    """The coordinator's answer cannot be believed; what it says of the time explains why."""

    async def health(_request: web.Request) -> web.Response:
        tomorrow = formatdate(time.time() + 86400, usegmt=True)
        return web.json_response({"coordinator": {}}, headers={"Date": tomorrow})

    async def enroll(_request: web.Request) -> web.Response:
        return web.json_response({}, status=201)

    app = web.Application()
    app.router.add_get("/health", health)
    app.router.add_post("/api/enroll", enroll)
    server = HttpServer(app, bind("127.0.0.1", 0))
    await server.start()
    try:
        intent = {"coordinator": server.url, "invite": make_invite(bytes(10), bytes(32)).code}
        async with control.post("/enroll", json=intent) as answer:
            told = await answer.json(content_type=None)
    finally:
        await server.stop()
    assert told["cause"] == "clock"
    assert "behind the coordinator" in told["why"]
    assert "Set the clock" in told["hint"]


@pytest.mark.parametrize(
    "shown", ["", "Bearer", "Bearer ", "Bearer x", "Bearer \udcff", "Bearer é", "Basic secret"]
)
def test_no_odd_authorization_is_more_than_refused(shown: str) -> None:
    with pytest.raises(Problem, match="token"):
        check_token(shown, "secret")
    check_token("bearer secret", "secret")
