from __future__ import annotations

import asyncio

import pytest

from node.program.tasks import TaskSet
from node.routing.shared_call import SharedCalls


async def test_calls_of_one_key_are_shared_and_of_another_not() -> None:
    tasks, made = TaskSet("test"), []
    calls = SharedCalls(tasks)

    async def work(key: str) -> None:
        made.append(key)
        await asyncio.sleep(0)

    await asyncio.gather(*(calls.call(key, lambda key=key: work(key)) for key in "aabab"))  # type: ignore[misc]
    assert sorted(made) == ["a", "b"]
    await calls.call("a", lambda: work("a"))
    assert sorted(made) == ["a", "a", "b"]
    await tasks.stop()


async def test_a_failure_reaches_every_caller_and_is_not_kept(caplog: pytest.LogCaptureFixture) -> None:
    tasks = TaskSet("test")
    calls = SharedCalls(tasks)

    async def fail() -> None:
        await asyncio.sleep(0)
        raise ValueError("no")

    async def succeed() -> None:
        pass

    found = await asyncio.gather(*(calls.call("a", fail) for _ in range(3)), return_exceptions=True)
    assert [str(error) for error in found] == ["no"] * 3
    await calls.call("a", succeed)
    await tasks.stop()
