"""The topology stream: a snapshot, then the same numbered deltas for all; the slow and the too many are cut off."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator

import msgspec
import pytest

from coordinator_server.api import stream as module
from coordinator_server.api.shapes import (
    Topology,
    TopologyDelta,
    TopologyLink,
    TopologyService,
    TopologySnapshot,
    TopologyWorker,
)
from coordinator_server.api.stream import MOST_OF_ONE, WAITING, TopologyStream, difference
from node.program.tasks import TaskSet
from node.wire.problems import Problem

Message = TopologySnapshot | TopologyDelta


class Mesh:
    """A topology that a test changes."""

    def __init__(self) -> None:
        self.workers: dict[str, TopologyWorker] = {}
        self.time = 100.0

    def put(self, worker_id: str, load: float = 0.0) -> None:
        self.workers[worker_id] = TopologyWorker(id=worker_id, type="cpu", coordinator="c", load=load)

    def read(self) -> Topology:
        return Topology(
            coordinator="c", version="1", sequence=0, timestamp=self.time, workers=tuple(self.workers.values())
        )


@pytest.fixture
async def mesh() -> Mesh:
    return Mesh()


@pytest.fixture
async def stream(mesh: Mesh) -> AsyncIterator[TopologyStream]:
    made = TopologyStream(mesh.read, period=0.01, maximum=3)
    yield made
    await made.stop()


async def read(messages: AsyncIterator[bytes]) -> Message:
    async with asyncio.timeout(30):
        decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)
        return decoder.decode(await anext(messages))


def test_the_difference_names_what_is_new_changed_and_gone() -> None:
    mesh = Mesh()
    for name in ("stays", "changes", "goes"):
        mesh.put(name)
    old = mesh.read()
    mesh.put("changes", load=0.5)
    mesh.put("comes")
    del mesh.workers["goes"]
    found = difference(old, mesh.read())
    assert found is not None
    changed, removed = found
    assert [worker.id for worker in changed.workers] == ["changes", "comes"]
    assert removed.workers == ("goes",)
    assert difference(old, old) is None
    again = mesh.read()
    assert difference(mesh.read(), again) is None
    equal = msgspec.structs.replace(again, workers=tuple(map(msgspec.structs.replace, again.workers)))
    assert difference(again, equal) is None, "other objects that say the same are no change"


def test_services_and_links_have_keys_of_their_own() -> None:
    base = Mesh().read()
    full = msgspec.structs.replace(
        base, services=(TopologyService(name="ner", title="N"),), links=(TopologyLink(source="c", target="w"),)
    )
    found = difference(full, base)
    assert found is not None
    assert (found[1].services, found[1].links) == (("ner",), ("c>w",))


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
    assert [worker.id for worker in stream.snapshot().workers] == ["w1"]
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
    stream = TopologyStream(mesh.read)
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


async def test_what_is_large_is_looked_at_in_a_thread_and_only_while_somebody_listens(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MANY", 2)
    monkeypatch.setattr(module, "SHARE", 1e9)
    threads: list[int] = []

    def reading() -> Topology:
        threads.append(threading.get_ident())
        return mesh.read()

    made = TopologyStream(reading, period=0.01)
    for name in ("a", "b", "c"):
        mesh.put(name)
    with made.listen() as messages:
        assert isinstance(await read(messages), TopologySnapshot)
        mesh.put("b", load=0.5)
        delta = await read(messages)
        assert isinstance(delta, TopologyDelta)
        assert [worker.id for worker in delta.changed.workers] == ["b"]
        assert threading.get_ident() not in threads[1:]
        looked = len(threads)
        with made.listen() as others:
            first = await read(others)
            assert isinstance(first, TopologySnapshot)
            assert threading.get_ident() not in threads[looked:], "the second gets what the first one has"
            mesh.put("a", load=0.25)
            both = [await read(messages), await read(others)]
            assert both[0] == both[1]
            assert both[0].sequence == first.sequence + 1
    await asyncio.sleep(0)
    await made._tick()
    looked = len(threads)
    await made._tick()
    assert len(threads) == looked, "nobody listens"
    mesh.put("d")
    await asyncio.gather(*(made.catch_up() for _ in range(3)))
    assert threading.get_ident() not in threads[looked:]
    assert [worker.id for worker in made.latest().workers] == ["a", "b", "c", "d"]
    monkeypatch.setattr(module, "SHARE", 1e-9)
    await made.catch_up()
    looked = len(threads)
    mesh.put("e")
    await made.catch_up()
    assert made.latest().sequence == made._sequence
    assert len(threads) == looked, "it was looked a moment ago"
    await made.stop()


async def test_who_goes_away_has_no_second_thread_look(mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MANY", 2)
    begun, go_on = threading.Semaphore(0), threading.Event()
    looks: list[int] = []

    def look() -> Topology:
        looks.append(threading.get_ident())
        begun.release()
        assert go_on.wait(30)
        return mesh.read()

    mesh.put("a")
    mesh.put("b")
    made = TopologyStream(mesh.read, look=look)
    made.latest()
    mesh.put("c")
    tasks = TaskSet("visitors")
    try:
        for _ in range(5):
            visitor = tasks.start(made.catch_up(), "visitor")
            await asyncio.sleep(0)
            visitor.cancel()
            await asyncio.wait([visitor])
        assert await asyncio.to_thread(begun.acquire, timeout=30)
        last = tasks.start(made.catch_up(), "last")
        await asyncio.sleep(0)
        go_on.set()
        await last
    finally:
        go_on.set()
        await tasks.stop()
    assert len(looks) == 1
    assert threading.get_ident() not in looks
    assert [worker.id for worker in made.latest().workers] == ["a", "b", "c"]
    await made.stop()


async def test_a_look_that_fails_is_told_to_who_asked_and_the_next_one_looks_again(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MANY", 0)
    broken = [True, False]

    def look() -> Topology:
        if broken.pop(0):
            raise LookupError
        return mesh.read()

    made = TopologyStream(mesh.read, look=look)
    made.latest()
    mesh.put("a")
    with pytest.raises(LookupError):
        await made.catch_up()
    await made.catch_up()
    assert [worker.id for worker in made.latest().workers] == ["a"]
    await made.stop()
