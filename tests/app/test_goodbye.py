"""Leaving for good goes step by step, once; where a step fails, nothing after it is done."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from app.goodbye import Goodbye, GoodbyeModel
from tests.support.waiting import eventually


class PlayedCrew:
    """Does what a test says."""

    def __init__(self, trouble: str = "", error: Exception | None = None) -> None:
        self.done: list[str] = []
        self.trouble, self.error = trouble, error
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def leave(self) -> bool | None:
        self.done.append("leave")
        await self.go_on.wait()
        return True

    async def stop(self) -> str:
        self.done.append("stop")
        if self.error is not None:
            raise self.error
        return self.trouble

    async def delete(self) -> tuple[str, ...]:
        self.done.append("delete")
        return ("The helper stays.",)


@pytest.fixture
def goodbye() -> Iterator[GoodbyeModel]:
    made = GoodbyeModel()
    yield made
    made.deleteLater()


async def test_every_step_is_told(goodbye: GoodbyeModel) -> None:
    crew, told = PlayedCrew(), list[Goodbye]()
    goodbye.changed.connect(told.append)
    goodbye.start()
    assert goodbye.now == Goodbye(), "nobody is there to do it"
    goodbye.connect_to(lambda: crew)
    goodbye.start()
    goodbye.start()
    await eventually(lambda: goodbye.deleted, "the end")
    assert [one.step for one in told] == ["leaving", "stopping", "deleting", "done"]
    assert told[-1] == Goodbye("done", told=True, rest=("The helper stays.",))
    assert crew.done == ["leave", "stop", "delete"]
    await goodbye.stop()


@pytest.mark.parametrize(("trouble", "error"), [("It runs on.", None), ("no room", OSError("no room"))])
async def test_a_node_that_runs_on_keeps_its_files(
    goodbye: GoodbyeModel, trouble: str, error: Exception | None
) -> None:
    crew = PlayedCrew(trouble, error)
    goodbye.connect_to(lambda: crew)
    goodbye.start()
    await eventually(lambda: goodbye.now.step == "failed", "the failure")
    assert goodbye.now.trouble == trouble
    assert not goodbye.deleted
    assert "delete" not in crew.done
    await goodbye.stop()


async def test_an_app_that_ends_meanwhile_leaves_no_task(goodbye: GoodbyeModel) -> None:
    crew = PlayedCrew()
    crew.go_on.clear()
    goodbye.connect_to(lambda: crew)
    goodbye.start()
    await eventually(lambda: crew.done, "the beginning")
    await goodbye.stop()
    assert crew.done == ["leave"]
