"""Coordinators ask one another who offers a service."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator_server.fleet.asking import REST, Registries
from node.wire.credentials import place_of
from node.wire.messages import CoordinatorInfo
from node.wire.tokens import TokenIssuer
from tests.support.coordinators import Room, coordinator_room
from tests.support.mesh_keys import Clock


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with coordinator_room(tmp_path / "c", vpn="off") as room:
        yield room


@contextlib.asynccontextmanager
async def asker(room: Room, clock: Clock, role: str = "coordinator") -> AsyncIterator[Registries]:
    """Ask as another coordinator of the mesh does, or as somebody with another role in it."""
    coordinator, key = room.coordinator, Ed25519PrivateKey.generate()
    office = coordinator.enroller.office
    public = key.public_key().public_bytes_raw()
    credential = office.issue("c-2", role, public, "vetted", room.clock(), place=place_of(public, key))  # type: ignore[arg-type]  # checked by the callee
    issue = TokenIssuer(key, "c-2", credential, room.clock).issue
    made = Registries(lambda: (coordinator.info,), issue, clock)
    try:
        yield made
    finally:
        await made.stop()


async def test_another_coordinator_is_told_who_is_here(room: Room) -> None:
    worker = await room.worker("w-1")
    await worker.register(port=8123)
    await worker.heartbeat("ner", relays=("c-9",))
    async with asker(room, Clock(0.0)) as registries:
        (found,) = await registries.find("ner")
        assert (found.worker_id, found.endpoints.port, found.relays) == ("w-1", 8123, ("c-9",))
        assert await registries.find("notes") == []


async def test_who_is_no_coordinator_is_told_nothing_and_not_asked_again_at_once(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    clock = Clock(0.0)
    async with asker(room, clock, "worker") as registries:
        for _ in range(3):
            assert await registries.find("ner") == []
        assert caplog.text.count("it answers 401") == 1
        assert registries.is_silent(room.url)
        clock.now = REST
        await registries.find("ner")
        assert caplog.text.count("it answers 401") == 2


async def test_one_that_does_not_answer_keeps_nobody_from_the_others_words(room: Room, tmp_path: Path) -> None:
    worker = await room.worker("w-1")
    await worker.register()
    await worker.heartbeat("ner")
    dead = CoordinatorInfo(id="dead", url="http://127.0.0.1:1")
    async with asker(room, Clock(0.0)) as registries:
        registries._others = lambda: (dead, room.coordinator.info)
        assert [one.worker_id for one in await registries.find("ner")] == ["w-1"]
        assert [registries.is_silent(url) for url in (dead.url, room.url)] == [True, False]
        assert await registries.find("of-its-catalogue-alone") == []
        assert not registries.is_silent(room.url), "it has answered"
        registries._others = lambda: (room.coordinator.info,)
        await registries.find("ner")
        assert not registries.is_silent(dead.url), "it has been given up"


@pytest.mark.parametrize("answer", ['{"workers":' + "[" * 5000, "?", "[]", "\\ud800"])
async def test_one_that_answers_nonsense_keeps_nobody_from_the_others_words(room: Room, answer: str) -> None:
    async def nonsense(_request: web.Request) -> web.Response:
        return web.Response(text=answer)

    worker = await room.worker("w-1")
    await worker.register()
    await worker.heartbeat("ner")
    app = web.Application()
    app.router.add_get("/{any:.*}", nonsense)
    async with TestServer(app) as server, asker(room, Clock(0.0)) as registries:
        bad = CoordinatorInfo(id="bad", url=str(server.make_url("")))
        registries._others = lambda: (bad, room.coordinator.info)
        assert [one.worker_id for one in await registries.find("ner")] == ["w-1"]
        assert registries.is_silent(bad.url)
