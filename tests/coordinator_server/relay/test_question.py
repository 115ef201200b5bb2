"""One question to a worker that nobody can connect to, and what is made of its answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import msgspec
import pytest

from coordinator_server.relay.question import LARGEST, Question, status_of
from tests.support.coordinators import Room, coordinator_room
from tests.support.relays import CATALOGUE, RelayedWorker, hub, relayed_worker
from tests.support.waiting import eventually


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with coordinator_room(tmp_path / "c", catalogue=CATALOGUE, vpn="off") as room:
        yield room


@pytest.fixture
async def worker(room: Room) -> AsyncIterator[RelayedWorker]:
    async with relayed_worker(room) as worker:
        yield worker


async def test_a_worker_says_its_status_and_nothing_is_left_open(room: Room, worker: RelayedWorker) -> None:
    assert await status_of(hub(room), "w1", "/service/ner/echo", {"X-Mine": "passes"}) == 200
    assert worker.services.heads[-1][1]["X-Mine"] == "passes"
    assert await status_of(hub(room), "w1", "/service/ner/unheard-of", {}) == 404
    assert await status_of(hub(room), "w1", "/service/ner/much/100000000", {}) == 200
    await eventually(lambda: hub(room).connections("w1")[0] == 0, "all are closed")
    with pytest.raises(OSError, match="no channel"):
        await status_of(hub(room), "nobody", "/service/ner/echo", {})
    with pytest.raises(ValueError, match="field"):
        await status_of(hub(room), "w1", "/service/ner/echo", {"X-Mine": "two\r\nlines: 1"})
    await eventually(lambda: hub(room).connections("w1")[0] == 0, "so is that one")


class Wire(asyncio.Transport):
    """Notes that it was cut."""

    cut = False

    def abort(self) -> None:
        self.cut = True


@pytest.mark.parametrize(
    "answer", [b"nonsense\r\n", b"HTTP/1.1 99 \r\n", b"HTTP/2 200 OK\r\n", b"x" * (LARGEST + 1)]
)
async def test_what_is_no_answer_is_an_error(answer: bytes) -> None:
    question, wire = Question(), Wire()
    question.connection_made(wire)
    question.data_received(answer)
    question.data_received(b"more")
    question.connection_lost(None)
    with pytest.raises(OSError, match="not HTTP"):
        await question.status
    assert wire.cut


async def test_an_answer_may_come_in_pieces_or_never() -> None:
    question = Question()
    question.connection_made(Wire())
    for piece in (b"HTTP", b"/1.1 20", b"4 No Content\r", b"\nServer: x\r\n"):
        question.data_received(piece)
    assert await question.status == 204
    question = Question()
    question.connection_made(Wire())
    question.connection_lost(ConnectionResetError("reset"))
    with pytest.raises(OSError, match="broke off the connection: reset"):
        await question.status


async def test_the_doctor_reaches_who_can_be_reached_so_only(room: Room, worker: RelayedWorker) -> None:
    async def service() -> dict[str, object]:
        head = {"Authorization": f"Bearer {room.coordinator.admin_token}"}
        async with (
            aiohttp.ClientSession() as session,
            session.get(room.url + "/api/admin/doctor", headers=head) as answer,
        ):
            checks = msgspec.json.decode(await answer.read())["checks"]
        found: dict[str, object] = next(check for check in checks if check["name"] == "service ner")
        return found

    found = await service()
    assert found["ok"], found
    assert "w1 answered" in str(found["detail"])
    await room.coordinator.workers.revoke("w1")
    hub(room).cut("w1")
    assert not (await service())["ok"]
