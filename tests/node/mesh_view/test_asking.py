"""Listening to a coordinator's topology: what it says, and everything that may come between."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from node.mesh_view import asking
from node.mesh_view.asking import BUSY, KEPT, NO_COORDINATOR, UNREADABLE, TopologyEar
from node.program.tasks import TaskSet
from node.program.web import HttpServer, bind
from tests.support.waiting import eventually


def topology(*workers: str) -> dict[str, Any]:
    return {"timestamp": 1.0, "workers": [{"id": name, "coordinator": "c"} for name in workers]}


def snapshot(*workers: str, sequence: int = 1) -> dict[str, Any]:
    return {"type": "snapshot", "sequence": sequence, "topology": topology(*workers)}


def delta(sequence: int, *workers: str) -> dict[str, Any]:
    return {"type": "delta", "sequence": sequence, "changed": topology(*workers)}


class PlayedCoordinator:
    """Says what a test wants on each connection, and holds it open until it is told to end it."""

    def __init__(self) -> None:
        self.says: list[object] = [snapshot("w-1")]
        self.full = False
        self.asked = 0
        self.listened = 0
        self.end = asyncio.Event()
        self.url = ""

    async def stream(self, request: web.Request) -> web.StreamResponse:
        self.listened += 1
        if self.full:
            raise web.HTTPServiceUnavailable
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        for message in self.says:
            text = message if isinstance(message, str) else msgspec.json.encode(message).decode()
            await socket.send_str(text)
        while not self.end.is_set() and not socket.closed:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    await socket.receive()  # so that it hears a goodbye
        await socket.close()
        return socket

    async def once(self, _request: web.Request) -> web.Response:
        self.asked += 1
        return web.json_response(topology("w-1", "w-2"))


@pytest.fixture
async def played() -> AsyncIterator[PlayedCoordinator]:
    made, app = PlayedCoordinator(), web.Application()
    app.router.add_get("/api/topology/stream", made.stream)
    app.router.add_get("/api/topology", made.once)
    server = HttpServer(app, bind("127.0.0.1", 0))
    await server.start()
    made.url = server.url
    yield made
    made.end.set()
    await server.stop()


class Listening:
    """An ear that listens for as long as the test."""

    def __init__(self, session: aiohttp.ClientSession, url: str | None) -> None:
        self.url = url
        self.ear = TopologyEar(lambda: session, lambda: self.url)
        self.tasks = TaskSet("test")

    def start(self) -> None:
        self.tasks.start(self.ear.listen(), "listen")

    def workers(self, now: float = 0.0) -> list[str] | None:
        told = self.ear.heard(now).told
        return None if told is None else list(told.workers)

    @property
    def trouble(self) -> str:
        return self.ear.heard(0.0).trouble

    @property
    def live(self) -> bool:
        return self.ear.heard(0.0).live


@pytest.fixture
async def listening(played: PlayedCoordinator, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Listening]:
    monkeypatch.setattr(asking, "FIRST_PAUSE", 0.01)
    async with aiohttp.ClientSession() as session:
        made = Listening(session, played.url)
        yield made
        played.end.set()
        await made.tasks.stop()


async def test_it_hears_the_whole_and_then_what_changes(played: PlayedCoordinator, listening: Listening) -> None:
    played.says += [delta(2, "w-2"), delta(3, "w-3")]
    listening.start()
    await eventually(lambda: listening.workers() == ["w-1", "w-2", "w-3"], "all three")
    assert listening.live
    await listening.tasks.stop()
    assert not listening.live, "who does not listen knows nothing of now"


async def test_a_gap_makes_it_listen_anew(played: PlayedCoordinator, listening: Listening) -> None:
    played.says += [delta(3, "w-2")]
    listening.start()
    await eventually(lambda: played.listened >= 2, "a second time")


@pytest.mark.parametrize(
    "nonsense", ["", "{", '{"type":"delta"}', '{"type":"snapshot","sequence":1,"topology":[]}']
)
async def test_nonsense_is_said_to_be_unreadable(
    played: PlayedCoordinator, listening: Listening, nonsense: str
) -> None:
    played.says = [nonsense]
    listening.start()
    await eventually(lambda: listening.trouble == UNREADABLE, "the trouble")
    assert listening.workers() is None


async def test_a_coordinator_with_too_many_listeners_is_asked_from_time_to_time(
    played: PlayedCoordinator, listening: Listening
) -> None:
    played.full = True
    listening.start()
    await eventually(lambda: played.asked >= 2, "asked twice")
    assert listening.workers() == ["w-1", "w-2"]
    assert (listening.live, listening.trouble) == (False, BUSY)


async def test_what_was_heard_is_kept_for_a_while_when_the_coordinator_goes(
    played: PlayedCoordinator, listening: Listening
) -> None:
    listening.start()
    await eventually(lambda: listening.live, "to be listening")
    played.full, played.once = True, None  # type: ignore[assignment,method-assign]
    listening.url = None
    played.end.set()
    await eventually(lambda: listening.trouble == NO_COORDINATOR, "the trouble")
    heard = listening.ear.heard(0.0)
    assert heard.at is not None
    assert listening.workers(heard.at + KEPT) == ["w-1"]
    assert listening.workers(heard.at + KEPT + 1) is None
    assert listening.ear.heard(0.0).at == heard.at, "when that was is still known"


async def test_what_does_not_answer_is_tried_again(played: PlayedCoordinator, listening: Listening) -> None:
    listening.url = "http://127.0.0.1:1"
    listening.start()
    await eventually(lambda: listening.trouble, "the trouble")
    assert listening.workers() is None
    listening.url = played.url
    await eventually(lambda: listening.live, "to be listening")


async def test_another_coordinators_topology_is_not_mixed_with_the_first_ones(
    played: PlayedCoordinator, listening: Listening
) -> None:
    listening.start()
    await eventually(lambda: listening.live, "to be listening")
    listening.url = "http://127.0.0.1:1"
    played.end.set()
    await eventually(lambda: listening.workers() is None, "the first one's is forgotten")
