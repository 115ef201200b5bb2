"""Many channels: a revocation reaches hundreds at once, changes in a row are one push, rounds leave nobody out."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from coordinator_server.channel import channels as channels_module
from coordinator_server.channel.line import Line
from coordinator_server.enrolment.workers import PREFIX, Enrolment
from node.wire.channel import Close
from node.wire.manifests import Catalogue
from node.wire.messages import Capabilities, Endpoints, RegisterRequest
from tests.support.channels import channels, close_code, hear, open_channel
from tests.support.coordinators import HOURLY, Room, Worker, coordinator_room, put_out
from tests.support.waiting import eventually

MANY = 500


async def crowd(room: Room, count: int) -> list[Worker]:
    """Return workers that have joined and registered, without the ways through HTTP."""
    coordinator, machines = room.coordinator, [room.machine() for _ in range(count)]
    enrolments = [
        Enrolment(
            worker_id=f"w-{number}",
            name="PC",
            identity_public_key=machine.public_key,
            invite_id="i",
            trust="volunteer",
            enrolled_at=room.clock(),
        )
        for number, machine in enumerate(machines)
    ]
    # What is not in the store is forgotten as soon as a watch tells of it.
    records = [(PREFIX + one.worker_id, msgspec.json.encode(one)) for one in enrolments]
    await coordinator.store.bring(records, ())
    for worker, enrolment in zip(machines, enrolments, strict=True):
        coordinator.workers._roll.keep(enrolment)
        worker.worker_id, worker.credential = enrolment.worker_id, coordinator.enroller.credential(enrolment)
        here = RegisterRequest(
            worker_id=worker.worker_id, capabilities=Capabilities(), endpoints=Endpoints(port=8000)
        )
        coordinator.registry.register(here, "127.0.0.1")
    return machines


async def test_hundreds_hear_of_a_revocation_at_once(tmp_path: Path) -> None:
    async with (
        coordinator_room(tmp_path / "c", catalogue=Catalogue(()), vpn="off", **HOURLY) as room,
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
        assert {put_out(told).workers for told in heard} == {("bad",)}
        assert channels(room).pushes - before == MANY
        channels(room).drain()
        assert set(await asyncio.gather(*map(close_code, ends))) == {1001}


async def test_changes_in_a_row_are_one_push(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels_module, "GATHER", 1.0)
    async with coordinator_room(tmp_path / "c", catalogue=Catalogue(()), vpn="off", **HOURLY) as room:
        worker, others = await room.worker(), [await room.worker(f"bad-{number}") for number in range(10)]
        await worker.register()
        async with open_channel(worker) as end:
            await hear(end)
            loop, before = asyncio.get_running_loop(), channels(room).pushes
            begun = loop.time()
            for other in others:
                await room.coordinator.workers.revoke(other.worker_id)
            told = await hear(end)
            while len(put_out(told).workers) < len(others):
                told = await hear(end)
            assert channels(room).pushes - before <= (loop.time() - begun) / channels_module.GATHER + 1


async def test_those_who_have_to_register_do_not_come_all_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels_module, "STRANGERS", 2)
    monkeypatch.setattr(channels_module, "AWAY", 0.3)
    async with (
        coordinator_room(tmp_path / "c", catalogue=Catalogue(()), vpn="off", **HOURLY) as room,
        contextlib.AsyncExitStack() as stack,
    ):
        loop, closed = asyncio.get_running_loop(), list[float]()
        plain = Line.close

        def close(self: Line, code: Close, reason: str) -> None:
            closed.append(loop.time())
            plain(self, code, reason)

        monkeypatch.setattr(Line, "close", close)
        workers = [await room.worker() for _ in range(6)]
        ends = [await stack.enter_async_context(open_channel(worker)) for worker in workers]
        assert set(await asyncio.gather(*map(close_code, ends))) == {Close.UNKNOWN_WORKER}
        await eventually(lambda: not len(channels(room)), "in the end all are")
        assert all(later - earlier >= 0.25 for earlier, later in zip(closed[:4], closed[2:6], strict=True))


async def test_who_has_registered_makes_room_for_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels_module, "STRANGERS", 1)
    monkeypatch.setattr(channels_module, "AWAY", 3600.0)
    async with (
        coordinator_room(tmp_path / "c", catalogue=Catalogue(()), vpn="off", **HOURLY) as room,
        contextlib.AsyncExitStack() as stack,
    ):
        workers = [await room.worker() for _ in range(3)]
        ends = [await stack.enter_async_context(open_channel(worker)) for worker in workers]
        tasks = [asyncio.Task(close_code(end)) for end in ends]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        (gone,) = (number for number, task in enumerate(tasks) if task.done())
        assert tasks[gone].result() == Close.UNKNOWN_WORKER
        early, late = (number for number in range(3) if number != gone)
        await workers[early].register()
        await workers[gone].register()
        assert await tasks[late] == Close.UNKNOWN_WORKER
        assert not tasks[early].done(), "who has registered meanwhile stays"
        await room.coordinator.workers.revoke(workers[early].worker_id)
        assert await tasks[early] == Close.EXPELLED


async def test_what_nobody_said_is_found(tmp_path: Path) -> None:
    """Other coordinators change the store, a rotation goes on by itself, and the DHT's address comes and goes."""
    async with coordinator_room(tmp_path / "c", **HOURLY) as room:
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
    async with coordinator_room(tmp_path / "c", vpn="off", **HOURLY) as room:
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
            assert put_out(await hear(his)).workers == ("eve",)
        await eventually(lambda: not len(channels(room)), "both are forgotten")


async def test_however_many_leave_all_are_told_of_it_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels_module, "EACH", 3600.0)
    async with coordinator_room(tmp_path / "c", catalogue=Catalogue(()), vpn="off", **HOURLY) as room:
        worker, other = await room.worker("worker"), await room.worker("other")
        leaving = [await room.worker(f"bad-{number}") for number in range(5)]
        for one in (worker, other):
            await one.register()
        async with open_channel(worker) as end, open_channel(other) as others:
            await hear(end)
            await hear(others)
            for one in leaving:
                await room.coordinator.workers.revoke(one.worker_id)
            first = await hear(end)
            before = channels(room).pushes
            await room.coordinator.workers.revoke(other.worker_id)
            assert await close_code(others) == Close.EXPELLED, "whom it is about hears it at once"
            await room.coordinator.workers.drain(worker.worker_id)
            told = await hear(end)
            assert told.draining
            assert channels(room).pushes - before == 1
            assert set(put_out(first).workers) < set(put_out(told).workers) | {"other"}
