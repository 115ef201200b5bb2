from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from node.program.tasks import TaskSet
from node.routing.admission import MAX_GATES, Gate, Gates
from node.routing.settings import RoutingSettings
from node.wire.problems import Problem
from tests.support.routing import slot


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - a turn of the loop is all that is waited for
            await asyncio.sleep(0)


class Visitors:
    """Requests that stay in a gate until they are told to go."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._tasks = TaskSet("visitors")
        self.inside: list[str] = []
        self.order: list[str] = []
        self.refused: list[str] = []

    async def come(self, name: str, key: str = "k", wait: float | None = None) -> asyncio.Task[None]:
        before = len(self.inside) + self._gate.waiting + len(self.refused)
        task = self._tasks.start(self._visit(name, key, wait), name)
        await until(lambda: task.done() or len(self.inside) + self._gate.waiting + len(self.refused) > before)
        return task

    async def leave(self, name: str) -> None:
        self.inside.remove(name)
        await asyncio.sleep(0)

    async def stop(self) -> None:
        await self._tasks.stop()

    async def _visit(self, name: str, key: str, wait: float | None) -> None:
        try:
            async with slot(self._gate, key, wait):
                self.inside.append(name)
                self.order.append(name)
                await until(lambda: name not in self.inside)
        except Problem as problem:
            assert problem.kind == "overloaded"
            self.refused.append(name)


@contextlib.asynccontextmanager
async def visitors(gate: Gate) -> AsyncIterator[Visitors]:
    found = Visitors(gate)
    try:
        yield found
    finally:
        await found.stop()


async def drain(people: Visitors) -> None:
    while people.inside:
        await people.leave(people.inside[0])
        await asyncio.sleep(0)
        await asyncio.sleep(0)


async def test_no_more_than_its_concurrency_is_inside() -> None:
    gate = Gate("ocr", 2)
    async with visitors(gate) as people:
        for name in "abcd":
            await people.come(name)
        assert (people.inside, gate.in_flight, gate.waiting) == (["a", "b"], 2, 2)
        assert gate.load == 1.0
        assert not gate.has_room
        await people.leave("a")
        await until(lambda: "c" in people.inside)
        assert gate.in_flight == 2
        await drain(people)
        await until(lambda: gate.in_flight == 0)
        assert people.order == ["a", "b", "c", "d"]


async def test_keys_take_turns_whoever_came_first() -> None:
    gate = Gate("ocr", 1)
    async with visitors(gate) as people:
        for name in ("a1", "a2", "a3", "a4", "b1", "c1"):
            await people.come(name, key=name[0])
        await drain(people)
        assert people.order == ["a1", "a2", "b1", "c1", "a3", "a4"]


async def test_a_full_queue_refuses_with_retry_after() -> None:
    gate = Gate("ocr", 1, queue_size=1)
    async with visitors(gate) as people:
        await people.come("inside")
        await people.come("waiting")
        with pytest.raises(Problem) as refused:
            async with slot(gate, "k"):
                pass
        assert refused.value.status == 503
        assert refused.value.headers["Retry-After"] == "2"
        await drain(people)


async def test_who_fills_the_queue_gives_way_to_another_key() -> None:
    gate = Gate("ocr", 1, queue_size=3)
    async with visitors(gate) as people:
        for name in ("a0", "a1", "a2", "a3"):
            await people.come(name, key="a")
        await people.come("b1", key="b")
        await until(lambda: people.refused == ["a3"])
        assert gate.waiting == 3
        await drain(people)
        assert people.order == ["a0", "a1", "b1", "a2"]


async def test_waiting_ends_after_its_time() -> None:
    gate = Gate("ocr", 1, queue_wait=0.02)
    async with visitors(gate) as people:
        await people.come("inside")
        with pytest.raises(Problem, match="no place became free"):
            async with slot(gate, "k"):
                pass
        assert gate.waiting == 0
        with pytest.raises(Problem):
            async with slot(gate, "k", wait=0.0):
                pass
        await drain(people)


async def test_a_client_that_leaves_the_queue_takes_no_place() -> None:
    gate = Gate("ocr", 1)
    async with visitors(gate) as people:
        await people.come("inside")
        leaver = await people.come("leaver")
        await people.come("next")
        leaver.cancel()
        await asyncio.gather(leaver, return_exceptions=True)
        assert gate.waiting == 1
        await people.leave("inside")
        await until(lambda: people.inside == ["next"])
        await drain(people)
    assert (gate.in_flight, gate.waiting) == (0, 0)


async def test_a_place_given_to_a_client_that_leaves_at_that_moment_goes_to_the_next() -> None:
    gate = Gate("ocr", 1)
    async with visitors(gate) as people:
        await people.come("inside")
        leaver = await people.come("leaver")
        await people.come("next")
        people.inside.clear()
        await until(lambda: gate.waiting == 1)  # the place is the leaver's now, who has not run since
        leaver.cancel()
        await asyncio.gather(leaver, return_exceptions=True)
        await until(lambda: people.inside == ["next"])
        await drain(people)
    assert (gate.in_flight, gate.waiting) == (0, 0)


async def test_more_places_let_the_waiting_in() -> None:
    gate = Gate("ocr", 1)
    async with visitors(gate) as people:
        for name in "abc":
            await people.come(name)
        gate.limit = 3
        await until(lambda: people.inside == ["a", "b", "c"])
        await drain(people)


async def test_gates_are_one_per_service_and_bounded() -> None:
    gates = Gates(RoutingSettings(queue_size=1))
    assert gates.of("ocr", 2) is gates.of("ocr", 5)
    assert gates.of("ocr", 5).limit == 5
    async with slot(gates.of("busy", 1), "k"):
        for number in range(MAX_GATES + 10):
            gates.of(f"s{number}", 1)
        kept = dict(gates.items())
        assert len(kept) <= MAX_GATES
        assert "busy" in kept
