"""Many channels: a revocation reaches hundreds at once, changes in a row are one push, rounds leave nobody out."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

from coordinator_server.channel import channels as channels_module
from node.wire.channel import Close
from node.wire.manifests import Catalogue
from node.wire.messages import Capabilities, Endpoints, EnrollRequest, RegisterRequest
from tests.support.channels import Socket, channels, close_code, hear, open_channel
from tests.support.coordinators import Room, Worker, coordinator_room
from tests.support.waiting import eventually

MANY = 500
HOUR: dict[str, Any] = {"worker_heartbeat": 3600.0, "worker_stale": 7200.0, "worker_forgotten": 9000.0}


async def crowd(room: Room, count: int) -> list[Worker]:
    """Return workers that have joined and registered, without the way through HTTP."""
    coordinator, code, workers = room.coordinator, await room.invite(uses=count), []
    for _ in range(count):
        worker = room.machine()
        wish = EnrollRequest(invite=code, name="PC", identity_public_key=worker.public_key)
        enrolment, worker.credential = await coordinator.enroller.enrol(wish, "127.0.0.1")
        worker.worker_id = enrolment.worker_id
        here = RegisterRequest(
            worker_id=worker.worker_id, capabilities=Capabilities(), endpoints=Endpoints(port=8000)
        )
        coordinator.registry.register(here, "127.0.0.1")
        workers.append(worker)
    return workers


async def test_hundreds_hear_of_a_revocation_at_once(tmp_path: Path) -> None:
    async with (
        coordinator_room(tmp_path / "c", catalogue=Catalogue(()), vpn="off", **HOUR) as room,
        contextlib.AsyncExitStack() as stack,
    ):
        workers, bad = await crowd(room, MANY), await room.worker("bad")
        loop = asyncio.get_running_loop()
        room.session.connector._limit = 0  # type: ignore[union-attr]  # each channel is a connection
        ends = [await stack.enter_async_context(open_channel(worker)) for worker in workers]
        await asyncio.gather(*(hear(end) for end in ends))
        assert len(channels(room)) == MANY
        before, begun = channels(room).pushes, loop.time()
        await room.coordinator.workers.revoke(bad.worker_id)
        heard = await asyncio.gather(*(hear(end) for end in ends))
        print(f"{MANY} heard of it in {1000 * (loop.time() - begun):.0f} ms")
        assert {told.revoked for told in heard} == {("bad",)}
        assert channels(room).pushes - before == MANY
        channels(room).drain()
        assert set(await asyncio.gather(*map(close_code, ends))) == {1001}


async def test_changes_in_a_row_are_one_push(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels_module, "GATHER", 1.0)
    async with coordinator_room(tmp_path / "c", catalogue=Catalogue(()), vpn="off", **HOUR) as room:
        worker, others = await room.worker(), [await room.worker(f"bad-{number}") for number in range(10)]
        await worker.register()
        async with open_channel(worker) as end:
            await hear(end)
            before = channels(room).pushes
            for other in others:
                await room.coordinator.workers.revoke(other.worker_id)
            told = await hear(end)
            while len(told.revoked) < len(others):
                told = await hear(end)
            assert channels(room).pushes - before < len(others) / 2


async def test_those_who_have_to_register_do_not_come_all_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels_module, "STRANGERS", 2)
    monkeypatch.setattr(channels_module, "GATHER", 0.3)
    async with (
        coordinator_room(tmp_path / "c", catalogue=Catalogue(()), vpn="off", **HOUR) as room,
        contextlib.AsyncExitStack() as stack,
    ):
        left: list[int] = []
        workers = [await room.worker() for _ in range(6)]
        ends = [await stack.enter_async_context(open_channel(worker)) for worker in workers]

        async def until_sent(end: Socket) -> None:
            assert await close_code(end) == Close.UNKNOWN_WORKER
            left.append(len([line for line in channels(room)._lines.values() if not line.closing]))

        await asyncio.gather(*map(until_sent, ends))
        assert max(left) >= 2, "not all in one round"
        await eventually(lambda: not len(channels(room)), "in the end all are")


async def test_what_nobody_said_is_found(tmp_path: Path) -> None:
    """Other coordinators change the store, a rotation goes on by itself, and the DHT's address comes and goes."""
    async with coordinator_room(tmp_path / "c", **HOUR) as room:
        overlay = room.coordinator.overlay
        assert overlay is not None
        joined = room.machine()
        await joined.enrol(await room.invite(), nebula_public_key="a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s")
        await joined.register()
        async with open_channel(joined) as end:
            first = await hear(end)
            assert first.vpn_version
            await overlay.rotate(force=False)
            assert (await hear(end)).vpn_version != first.vpn_version


async def test_one_whose_answer_cannot_be_made_harms_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with coordinator_room(tmp_path / "c", vpn="off", **HOUR) as room:
        anna, ben = await room.worker("anna"), await room.worker("ben")
        for worker in (anna, ben):
            await worker.register()
        answers = channels(room)._answers
        plain = answers.to

        def to(worker_id: str, about_us: Any) -> Any:
            if worker_id == "anna":
                raise RuntimeError("a bug")
            return plain(worker_id, about_us)

        async with open_channel(anna) as hers, open_channel(ben) as his:
            await hear(hers)
            await hear(his)
            monkeypatch.setattr(answers, "to", to)
            await room.coordinator.workers.revoke((await room.worker("eve")).worker_id)
            assert await close_code(hers) == 1011
            assert (await hear(his)).revoked == ("eve",)
        await eventually(lambda: not len(channels(room)), "both are forgotten")
