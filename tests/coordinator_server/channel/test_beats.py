"""Heartbeats on channels: answered as on HTTP, only to who may still speak, and not without end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import WSCloseCode, WSMsgType

from coordinator_server.api.worker_auth import WAITING
from coordinator_server.channel import beats, line
from coordinator_server.front import FRONT
from coordinator_server.store.interface import StoreError
from node.wire.channel import (
    ANSWER,
    BEATS,
    KIND,
    LARGEST_FROM_WORKER,
    PATH,
    RELAY,
    RELAY_ONLY,
    Beat,
    BeatAnswer,
    Close,
    read_answer,
    read_type,
)
from node.wire.credentials import CLOCK_SKEW
from node.wire.mesh_keys import MeshKeys
from node.wire.messages import HeartbeatRequest, ServiceReport
from tests.support.channels import DEADLINE, Socket, channels, close_code, signed
from tests.support.coordinators import HOURLY, Room, Worker, assignment, coordinator_room
from tests.support.waiting import eventually

WEEK = 7 * 86400.0


@pytest.fixture
async def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Room]:
    monkeypatch.setattr(line, "LEAST_GAP", 0.0)
    async with coordinator_room(tmp_path / "c", vpn="off", **HOURLY) as room:
        yield room


@contextlib.asynccontextmanager
async def open_to_beat(worker: Worker, **more: str) -> AsyncIterator[Socket]:
    async with worker.session.ws_connect(
        worker.url + PATH, headers={**signed(worker), **more}, protocols=(BEATS,), autoclose=False
    ) as socket:
        yield socket


async def beat(socket: Socket, worker_id: str, number: int = 1, **how: Any) -> None:
    message = Beat(number=number, heartbeat=HeartbeatRequest(worker_id=worker_id, **how))
    await socket.send_str(msgspec.json.encode(message).decode())


async def answered(socket: Socket) -> BeatAnswer:
    """Return the next answer, after whatever is pushed before."""
    async with asyncio.timeout(DEADLINE):
        while True:
            message = await socket.receive()
            assert message.type is WSMsgType.TEXT, message
            if read_type(message.data) == ANSWER:
                return read_answer(message.data)


def taken(room: Room) -> tuple[int, int]:
    counted = room.site.app[FRONT].beats.taken
    return counted.channel, counted.http


async def test_it_is_answered_as_on_http_and_counted_by_its_way(room: Room) -> None:
    worker = await room.worker("anna", trust="vetted")
    await worker.register()
    async with open_to_beat(worker) as socket:
        assert socket.protocol == BEATS
        await beat(socket, "anna", 7, load=0.5, services=(ServiceReport(name="ner", state="running"),))
        answer = await answered(socket)
        assert (answer.number, answer.refused) == (7, None)
        member = room.coordinator.registry.member("anna")
        assert member is not None
        assert (member.load, member.running) == (0.5, ("ner",))
        assert answer.told == assignment(await worker.heartbeat("ner"))
        version = room.coordinator.workers.blocklist.version
        for number, has in enumerate((0, version)):
            await beat(socket, "anna", number, blocklist_version=has)
            told = (await answered(socket)).told
            assert told is not None
            assert (told.blocklist is None) == (has == version)
        room.coordinator.registry.leave("anna")
        await beat(socket, "anna", 9)
        refused = (await answered(socket)).refused
        assert refused is not None
        assert (refused.kind, refused.status) == ("unknown-worker", 404), "it registers again"
    assert taken(room) == (3, 1)
    metrics = (await worker.get("/metrics")).body.decode()
    assert 'rma_heartbeats_total{way="channel"} 3.0' in metrics
    assert 'rma_heartbeats_total{way="http"} 1.0' in metrics


async def test_who_is_not_settled_comes_back_soon_and_hears_how_long_it_usually_is(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = await room.worker("w-1")
    await worker.register()
    monkeypatch.setattr(type(room.coordinator.planning), "is_settled", lambda _planning, _worker_id: False)
    told = assignment(await worker.heartbeat())
    assert (told.heartbeat_interval, told.usual_interval, told.pace) == (beats.SOON, 3600.0, 3600.0)
    monkeypatch.setattr(type(room.coordinator.planning), "is_settled", lambda _planning, _worker_id: True)
    told = assignment(await worker.heartbeat())
    assert (told.heartbeat_interval, told.usual_interval, told.pace) == (3600.0, 0.0, 3600.0)


async def test_what_a_worker_says_of_its_keys_is_reported(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[object] = []

    async def report(_self: object, worker_id: str, progress: int) -> None:
        reported.append((worker_id, progress))

    monkeypatch.setattr(type(room.coordinator.key_rotation), "report", report)
    worker = await room.worker("anna")
    await worker.register()
    async with open_to_beat(worker) as socket:
        await beat(socket, "anna", mesh_keys=3)
        assert (await answered(socket)).told
    assert reported == [("anna", 3)]


async def test_a_store_that_keeps_nothing_costs_nobody_its_coordinator(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def refuse(_self: object, worker_id: str, _progress: int) -> None:
        asked.append(worker_id)
        raise StoreError("The store has no majority.")

    async def hang(_self: object, worker_id: str, _progress: int) -> None:
        asked.append(worker_id)
        await asyncio.Event().wait()

    monkeypatch.setattr(beats, "KEEPING", 0.05)
    worker = await room.worker("anna")
    await worker.register()
    async with open_to_beat(worker) as socket:
        for number, keep in enumerate((refuse, hang)):
            monkeypatch.setattr(type(room.coordinator.key_rotation), "report", keep)
            await beat(socket, "anna", number, load=0.5)
            assert (await answered(socket)).told
            assert (await worker.heartbeat()).status == 200
    assert asked == ["anna"] * 4


async def test_no_worker_speaks_for_another_one(room: Room) -> None:
    anna, ben = await room.worker("anna"), await room.worker("ben")
    for worker in (anna, ben):
        await worker.register()
    async with open_to_beat(anna) as socket:
        await beat(socket, "ben", load=1.0)
        assert await close_code(socket) == Close.EXPELLED
    member = room.coordinator.registry.member("ben")
    assert member is not None
    assert member.load == 0.0
    assert taken(room) == (0, 0)
    assert "acted-for-another" in await room.actions()


async def ends_at_a_beat(room: Room, socket: Socket, worker: Worker) -> int | None:
    await beat(socket, worker.worker_id)
    code = await close_code(socket)
    assert taken(room)[0] == 0
    return code


async def test_what_it_was_opened_with_counts_no_longer_than_it_would_on_http(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels(room), "_is_out", lambda _worker_id: False)  # only beats shall see it
    monkeypatch.setattr(channels(room), "_look_around", lambda: None)
    workers, keyring = room.coordinator.workers, room.coordinator.keyring
    out, other, old = [await room.worker(name) for name in ("out", "other", "old")]
    for worker in (out, other, old):
        await worker.register()
    async with open_to_beat(out) as socket:
        await workers.revoke("out")
        assert await ends_at_a_beat(room, socket, out) == Close.EXPELLED
    async with open_to_beat(other) as socket:
        enrolment = workers.get("other")
        assert enrolment is not None
        another = msgspec.structs.replace(enrolment, identity_public_key=room.machine().public_key)
        await workers.replace(enrolment, another, None)
        assert await ends_at_a_beat(room, socket, other) == Close.EXPIRED, "another machine has that name now"
    async with open_to_beat(old) as socket:
        with monkeypatch.context() as patch:
            patch.setattr(type(keyring.trust), "accepts", lambda _self, _mesh_id: False)
            assert await ends_at_a_beat(room, socket, old) == Close.EXPIRED, "that key of the mesh is retired"
    assert isinstance(keyring.keys, MeshKeys)
    for jump in (3600.0, -3600.0):
        async with open_to_beat(old) as socket:
            room.clock.now += jump
            assert await ends_at_a_beat(room, socket, old) == Close.EXPIRED, "no token would be accepted now"
    async with open_to_beat(old) as socket:
        room.clock.now += WEEK + 10 * CLOCK_SKEW
        assert await close_code_of_expired(room, socket) == Close.EXPIRED


async def close_code_of_expired(room: Room, socket: Socket) -> int | None:
    """Return the code; the channels' own look may come before the heartbeat."""
    with contextlib.suppress(aiohttp.ClientConnectionError):
        await beat(socket, "old")
    assert taken(room)[0] == 0
    return await close_code(socket)


async def test_who_was_let_in_meanwhile_asks_for_a_credential(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path / "c", vpn="off", require_approval=True, **HOURLY) as room:
        worker = await room.worker("anna")
        await worker.register()
        async with open_to_beat(worker) as socket:
            await beat(socket, "anna")
            answer = await answered(socket)
            assert answer.told is not None
            assert answer.told.waiting
            (held,) = channels(room)._lines.values()
            assert held.proof.mesh_id is None
            assert held.proof.expires_at <= room.clock.now + WAITING
            await room.coordinator.workers.let_in("anna", "volunteer")
            await beat(socket, "anna")
            assert await close_code(socket) == Close.EXPIRED


async def test_too_many_too_long_and_unreadable_ones_end_it(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = await room.worker("anna")
    await worker.register()
    monkeypatch.setattr(line, "LEAST_GAP", 60.0)
    async with open_to_beat(worker) as socket:
        for number in range(8):
            with contextlib.suppress(aiohttp.ClientConnectionError):
                await beat(socket, "anna", number)
        assert await close_code(socket) in (WSCloseCode.POLICY_VIOLATION, WSCloseCode.ABNORMAL_CLOSURE)
    assert taken(room)[0] <= line.BUNCH + 1
    for text in (
        '{"type": "heartbeat"}',
        '{"type": "heartbeat", "number": 1, "heartbeat": {"worker_id": 5}}',
        '{"type": "heartbeat", "x": ' + "[" * 60_000,
    ):
        async with open_to_beat(worker) as socket:
            await socket.send_str(text)
            assert await close_code(socket) == WSCloseCode.INVALID_TEXT
    async with open_to_beat(worker) as socket:
        await socket.send_str(" " * (LARGEST_FROM_WORKER + 1))
        assert await close_code(socket) in (WSCloseCode.MESSAGE_TOO_BIG, WSCloseCode.ABNORMAL_CLOSURE)


async def test_where_it_was_not_agreed_upon_nothing_is_heard(room: Room) -> None:
    worker = await room.worker("anna")
    await worker.register()
    async with worker.session.ws_connect(worker.url + PATH, headers=signed(worker)) as old:
        assert old.protocol is None
        await beat(old, "anna")
        await old.send_str("x")  # is read after it
        assert await close_code(old) == WSCloseCode.INVALID_TEXT
    async with open_to_beat(worker, **{KIND: RELAY_ONLY, RELAY: "8"}) as aside:
        assert aside.protocol is None, "what it is and runs it tells the first coordinator alone"
    assert taken(room) == (0, 0)


async def test_a_fault_of_ours_is_answered(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = await room.worker("anna")
    await worker.register()

    def broken(_request: HeartbeatRequest) -> None:
        raise LookupError

    async with open_to_beat(worker) as socket:
        monkeypatch.setattr(room.coordinator.registry, "heartbeat", broken)
        await beat(socket, "anna")
        refused = (await answered(socket)).refused
        assert refused is not None
        assert (refused.kind, refused.status) == ("internal-error", 500)
    await eventually(lambda: not len(channels(room)), "it has ended")
