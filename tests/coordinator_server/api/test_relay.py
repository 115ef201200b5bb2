"""Who may bring a relay connection: a worker with a ticket of its own, once, soon, and with a good credential."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import WSMsgType

from node.wire.channel import RELAY_PATH
from tests.support.coordinators import Room, Worker, coordinator_room
from tests.support.relays import RelayedWorker, hub, relayed_worker
from tests.support.waiting import eventually


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with coordinator_room(tmp_path / "c", anonymous=True, vpn="off", relay_ticket_life=60.0) as room:
        yield room


@pytest.fixture
async def victim(room: Room) -> AsyncIterator[RelayedWorker]:
    """A worker that does nothing of what it is asked, so that its tickets stay good."""
    async with relayed_worker(room) as worker:
        worker.deaf = True
        yield worker


async def ticket_of(room: Room, worker: RelayedWorker) -> str:
    """Have the hub ask for a connection; return the ticket."""
    known = len(worker.tickets)
    async with aiohttp.ClientSession() as session:
        with contextlib.suppress(TimeoutError):
            await session.get(room.url + "/service/ner/echo", timeout=aiohttp.ClientTimeout(total=0.3))
    await eventually(lambda: len(worker.tickets) > known, "a connection is asked for")
    return worker.tickets[-1]


async def status_of(worker: Worker, ticket: str, **headers: str) -> int:
    """Return with what status a connection is refused."""
    sent = {"Authorization": f"Bearer {worker.token}", **headers}
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await worker.session.ws_connect(worker.url + RELAY_PATH + ticket, headers=sent)
    return refused.value.status


async def come(worker: Worker, ticket: str) -> aiohttp.ClientWebSocketResponse[bool]:
    sent = {"Authorization": f"Bearer {worker.token}"}
    return await worker.session.ws_connect(worker.url + RELAY_PATH + ticket, headers=sent, autoclose=False)


async def test_what_was_not_asked_for_is_not_opened(room: Room, victim: RelayedWorker) -> None:
    thief = await room.worker("thief")
    ticket = await ticket_of(room, victim)

    assert await status_of(thief, "x" * 22) == 404
    assert await status_of(thief, "") == 404
    assert await status_of(thief, ticket + "/more") == 404
    assert await status_of(thief, ticket) == 403
    assert await status_of(victim.worker, ticket, Authorization="") == 401
    assert await status_of(victim.worker, ticket, Authorization="Bearer nonsense") == 401
    assert await status_of(victim.worker, ticket, Origin="https://evil.example") == 403
    async with room.session.get(room.url + RELAY_PATH + ticket) as answer:
        assert answer.status == 426
    async with room.session.post(room.url + RELAY_PATH + ticket) as answer:
        assert answer.status == 426
    assert len(hub(room)) == 0
    assert "relay-refused" in await room.actions()

    socket = await come(victim.worker, ticket)  # it stayed its owner's
    await eventually(lambda: len(hub(room)) == 1, "it is there")
    assert await status_of(victim.worker, ticket) == 404, "a ticket is good once"
    metrics = await (await room.session.get(room.url + "/metrics")).text()
    counts = dict(line.split(" ") for line in metrics.splitlines() if line.startswith("rma_relay_"))
    held = counts['rma_relay_connections{state="used"}'], counts['rma_relay_connections{state="ready"}']
    assert sorted(held) == ["0.0", "1.0"]
    assert (counts["rma_relay_opened_total"], counts["rma_relay_refused_total"]) == ("1.0", "10.0")
    await socket.close()
    await eventually(lambda: len(hub(room)) == 0, "it is gone")


async def test_an_expired_credential_and_a_revoked_worker_open_nothing(room: Room, victim: RelayedWorker) -> None:
    ticket = await ticket_of(room, victim)
    life = room.coordinator.config.credential_life
    room.clock.now += life + 600
    assert await status_of(victim.worker, ticket) == 401
    room.clock.now -= life + 600
    await room.coordinator.workers.revoke("w1")
    assert await status_of(victim.worker, ticket) in (403, 404)
    assert not hub(room).is_given(ticket)
    assert len(hub(room)) == 0


async def test_a_ticket_ends_by_itself(tmp_path: Path) -> None:
    async with (
        coordinator_room(tmp_path / "c", anonymous=True, vpn="off", relay_ticket_life=0.1) as room,
        relayed_worker(room) as worker,
    ):
        worker.deaf = True
        ticket = await ticket_of(room, worker)
        await eventually(lambda: not hub(room).is_given(ticket), "it is not good any more")
        assert await status_of(worker.worker, ticket) == 404


@pytest.mark.parametrize("kind", ["content", "text", "nonsense"])
async def test_who_speaks_before_it_is_asked_is_cut(room: Room, victim: RelayedWorker, kind: str) -> None:
    socket = await come(victim.worker, await ticket_of(room, victim))
    if kind == "content":
        await socket.send_bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmine")
    elif kind == "text":
        await socket.send_str("hello")
    else:
        await socket.send_frame(b"", WSMsgType.PING)
        await socket.send_frame(b"of nothing", WSMsgType.CONTINUATION)
    message = await socket.receive(60)
    assert message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.ERROR), message
    await eventually(lambda: len(hub(room)) == 0, "it is gone")


async def test_an_answer_is_read_as_strictly_as_any_other(room: Room, victim: RelayedWorker) -> None:
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        asking = group.create_task(session.get(room.url + "/service/ner/echo"))
        await eventually(lambda: victim.tickets, "a connection is asked for")
        socket = await come(victim.worker, victim.tickets[0])
        message = await socket.receive(60)
        assert message.type is WSMsgType.BINARY
        assert message.data.startswith(b"GET /service/ner/echo HTTP/1.1\r\n")
        await socket.send_bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nab")
        assert (await asking).status == 502
        await socket.close()
