from __future__ import annotations

import asyncio

import pytest

from node.program.tasks import TaskSet
from node.wire.problems import Problem


async def forever() -> None:
    await asyncio.Event().wait()


async def test_tasks_are_named_after_their_owner_and_forgotten_when_done() -> None:
    tasks = TaskSet("dht")
    task = tasks.start(asyncio.sleep(0, "done"), "ping")
    assert (task.get_name(), len(tasks)) == ("dht:ping", 1)
    assert await task == "done"
    await asyncio.sleep(0)
    assert len(tasks) == 0


async def test_a_crash_is_logged_with_its_name(caplog: pytest.LogCaptureFixture) -> None:
    async def crash() -> None:
        raise ValueError("broken")

    tasks = TaskSet("dht")
    task = tasks.start(crash(), "ping")
    await asyncio.wait([task])
    await asyncio.sleep(0)
    assert "task dht:ping failed" in caplog.text
    assert "broken" in caplog.text
    await tasks.stop()


async def test_a_problem_is_logged_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    async def refuse() -> None:
        raise Problem("store-unavailable", "Nobody answers.")

    tasks = TaskSet("workers")
    await asyncio.wait([tasks.start(refuse(), "enrolled")])
    await asyncio.sleep(0)
    (record,) = caplog.records
    assert "task workers:enrolled failed: " in record.getMessage()
    assert "Nobody answers." in record.getMessage()
    assert record.exc_info is None


async def test_stopping_cancels_waits_and_may_be_repeated() -> None:
    tidied = []

    async def tidy() -> None:
        try:
            await forever()
        finally:
            await asyncio.sleep(0.01)
            tidied.append(True)

    tasks = TaskSet("dht")
    running = [tasks.start(tidy(), str(number)) for number in range(3)]
    await asyncio.sleep(0)
    await tasks.stop()
    await tasks.stop()
    assert tidied == [True] * 3
    assert all(task.cancelled() for task in running)
    assert len(tasks) == 0


async def test_a_task_may_stop_its_own_set(caplog: pytest.LogCaptureFixture) -> None:
    tasks = TaskSet("dht")
    other = tasks.start(forever(), "other")
    stopping = tasks.start(tasks.stop(), "stopper")
    await asyncio.wait_for(stopping, 30)
    assert other.cancelled()
    assert caplog.text == ""


async def test_repeated_work_survives_its_failures(caplog: pytest.LogCaptureFixture) -> None:
    turns = 0
    enough = asyncio.Event()

    async def work() -> None:
        nonlocal turns
        turns += 1
        if turns == 1:
            raise ValueError("first time unlucky")
        if turns == 3:
            enough.set()

    tasks = TaskSet("dht")
    tasks.every(0.001, work, "republish")
    await asyncio.wait_for(enough.wait(), 30)
    await tasks.stop()
    assert "republish failed" in caplog.text
    assert len(tasks) == 0
