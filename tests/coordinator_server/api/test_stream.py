"""The topology stream: a snapshot, then the same numbered deltas for all; the slow and the too many are cut off."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec
import pytest

from coordinator_server.api.shapes import (
    Topology,
    TopologyChange,
    TopologyDelta,
    TopologyRemoval,
    TopologySnapshot,
    TopologyWorker,
)
from coordinator_server.api.stream import MOST_OF_ONE, WAITING, TopologyStream
from coordinator_server.api.topology import difference
from node.wire.problems import Problem
from tests.support.waiting import eventually

Message = TopologySnapshot | TopologyDelta


class Mesh:
    """A topology that a test changes, looked at one worker after the other where there is a backlog."""

    def __init__(self) -> None:
        self.workers: dict[str, TopologyWorker] = {}
        self.drawn: dict[str, TopologyWorker] = {}
        self.time = 100.0
        self.backlog = 0
        self.looks = 0

    def put(self, worker_id: str, load: float = 0.0) -> None:
        self.workers[worker_id] = TopologyWorker(id=worker_id, type="cpu", coordinator="c", load=load)

    @property
    def is_far_behind(self) -> bool:
        return self.backlog > 0

    def look(self) -> TopologyDelta:
        self.looks += 1
        self.backlog = max(0, self.backlog - 1)
        before, self.drawn = self.drawn, dict(self.workers)
        changed, gone = difference(before, self.drawn)
        return TopologyDelta(
            sequence=0,
            timestamp=self.time,
            changed=TopologyChange(workers=changed),
            removed=TopologyRemoval(workers=gone),
        )

    def topology(self) -> Topology:
        workers = tuple(self.drawn.values())
        return Topology(coordinator="c", version="1", sequence=0, timestamp=self.time, workers=workers)


@pytest.fixture
async def mesh() -> Mesh:
    return Mesh()


@pytest.fixture
async def stream(mesh: Mesh) -> AsyncIterator[TopologyStream]:
    made = TopologyStream(mesh, period=0.01, maximum=3)
    yield made
    await made.stop()


async def read(messages: AsyncIterator[bytes]) -> Message:
    async with asyncio.timeout(30):
        decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)
        return decoder.decode(await anext(messages))


async def test_a_snapshot_then_deltas_whose_numbers_rise_by_one(mesh: Mesh, stream: TopologyStream) -> None:
    mesh.put("w1")
    with stream.listen() as messages:
        first = await read(messages)
        assert isinstance(first, TopologySnapshot)
        assert [worker.id for worker in first.topology.workers] == ["w1"]
        assert first.topology.sequence == first.sequence
        mesh.put("w2")
        second = await read(messages)
        assert isinstance(second, TopologyDelta)
        assert [worker.id for worker in second.changed.workers] == ["w2"]
        del mesh.workers["w1"]
        third = await read(messages)
        assert isinstance(third, TopologyDelta)
        assert third.removed.workers == ("w1",)
        assert [second.sequence - first.sequence, third.sequence - second.sequence] == [1, 1]


async def test_who_comes_later_gets_the_numbers_that_all_others_get(mesh: Mesh, stream: TopologyStream) -> None:
    with stream.listen() as early:
        await read(early)
        mesh.put("w1")
        await read(early)
        with stream.listen() as late:
            snapshot = await read(late)
            mesh.put("w2")
            assert (await read(early)).sequence == (await read(late)).sequence == snapshot.sequence + 1
    assert len(stream) == 0


async def test_changes_while_nobody_listens_are_in_the_next_snapshot(mesh: Mesh, stream: TopologyStream) -> None:
    with stream.listen() as messages:
        before = await read(messages)
    mesh.put("w1")
    assert [worker.id for worker in (await stream.now()).workers] == ["w1"]
    with stream.listen() as messages:
        after = await read(messages)
    assert isinstance(after, TopologySnapshot)
    assert [worker.id for worker in after.topology.workers] == ["w1"]
    assert after.sequence > before.sequence


async def test_a_quiet_mesh_still_gives_a_sign_of_life(mesh: Mesh, stream: TopologyStream) -> None:
    with stream.listen() as messages:
        await read(messages)
        mesh.time += 60
        sign = await read(messages)
        assert isinstance(sign, TopologyDelta)
        assert sign.changed.workers == ()


async def test_who_does_not_read_is_cut_off_and_the_others_go_on(mesh: Mesh, stream: TopologyStream) -> None:
    with stream.listen() as slow, stream.listen() as quick:
        await read(quick)
        for number in range(WAITING + 1):
            mesh.put(f"w{number}")
            await read(quick)
        with pytest.raises(StopAsyncIteration):
            await read(slow)
        assert len(stream) == 1


async def test_too_many_listeners_are_told_to_ask_instead(stream: TopologyStream) -> None:
    with stream.listen(), stream.listen(), stream.listen():
        with pytest.raises(Problem) as caught, stream.listen():
            pass
        assert caught.value.kind == "overloaded"
    with stream.listen() as messages:
        await read(messages)


async def test_stopping_ends_all_messages(stream: TopologyStream) -> None:
    with stream.listen() as messages:
        await read(messages)
        await stream.stop()
        with pytest.raises(StopAsyncIteration):
            await read(messages)


async def test_one_address_does_not_take_the_places_of_all_others(mesh: Mesh) -> None:
    stream = TopologyStream(mesh)
    with contextlib.ExitStack() as stack:
        for _ in range(MOST_OF_ONE):
            stack.enter_context(stream.listen("192.0.2.1"))
        with pytest.raises(Problem) as caught, stream.listen("192.0.2.1"):
            pass
        assert (caught.value.kind, len(stream)) == ("overloaded", MOST_OF_ONE)
        stack.enter_context(stream.listen("192.0.2.2"))
    with stream.listen("192.0.2.1"):
        assert dict(stream._households) == {"192.0.2.1": 1}
    assert not stream._households, "nothing is kept of who has gone"
    await stream.stop()


async def test_nothing_is_looked_for_while_nobody_listens(mesh: Mesh, stream: TopologyStream) -> None:
    with stream.listen() as messages:
        await read(messages)
        await eventually(lambda: mesh.looks > 3, "it looks again and again")
    looked = mesh.looks
    await stream._tick()
    assert mesh.looks == looked


async def test_who_comes_between_two_looks_gets_what_the_others_have_and_it_is_encoded_once(mesh: Mesh) -> None:
    stream = TopologyStream(mesh, period=3600.0)
    mesh.put("w1")
    with stream.listen() as one:
        first, looked = await anext(one), mesh.looks
        mesh.put("w2")
        with stream.listen() as other:
            assert await anext(other) is first
        assert mesh.looks == looked
        assert len((await stream.now()).workers) == 2
        with stream.listen() as other:
            snapshot, delta = await read(other), await read(one)
        assert isinstance(snapshot, TopologySnapshot)
        assert isinstance(delta, TopologyDelta)
        assert [worker.id for worker in snapshot.topology.workers] == ["w1", "w2"]
        assert [worker.id for worker in delta.changed.workers] == ["w2"]
        assert snapshot.sequence == delta.sequence, "so what comes next is the next for both"
    await stream._tick()
    assert stream._snapshot == b"", "nothing large is kept for nobody"
    await stream.stop()


async def test_a_backlog_is_taken_in_bit_by_bit_and_everything_else_goes_on_meanwhile(
    mesh: Mesh, stream: TopologyStream
) -> None:
    mesh.backlog = 3
    loop, seen = asyncio.get_running_loop(), list[int]()

    def watch() -> None:
        seen.append(mesh.looks)
        if mesh.is_far_behind:
            loop.call_soon(watch)

    loop.call_soon(watch)
    await stream.catch_up()
    assert seen == [1, 2, 3]
    await stream.catch_up()
    assert mesh.looks == 3, "there was nothing to catch up with"
    mesh.backlog = 2
    assert (await stream.now()).sequence == stream._sequence
    assert mesh.looks == 6
