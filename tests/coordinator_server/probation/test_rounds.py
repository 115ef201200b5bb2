"""Whom it is whose turn to be asked a canary, and what of that everybody may know."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest

from coordinator_server.probation import rounds
from coordinator_server.probation import warden as module
from node.program.tasks import TaskSet
from tests.support.coordinators import Room
from tests.support.probations import Oracle, go_on, machine, probing_room
from tests.support.waiting import eventually


@pytest.fixture
async def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Room]:
    monkeypatch.setattr(module, "LOOK", 3600.0)  # we tick ourselves
    async with probing_room(tmp_path) as made:
        yield made


async def test_of_many_some_are_looked_at_in_one_go(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "TOGETHER", 1)
    warden, oracle = room.coordinator.warden, Oracle()
    warden.rounds.ask = oracle.ask
    for name in ("w-1", "w-2", "w-3"):
        await machine(room, name)
    await warden.tick()
    room.clock.now += 5
    tasks, others = TaskSet("test"), 0
    looking = tasks.start(warden.tick(), "look")
    while not looking.done():
        await asyncio.sleep(0)
        others += 1
    assert others >= 3, "everything else goes on in between"
    await eventually(lambda: not warden.rounds._asked, "all have answered")
    assert sorted(oracle.asked) == ["w-1", "w-2", "w-3"]


async def test_what_everybody_may_read_does_not_tell_which_request_was_a_known_one(room: Room) -> None:
    warden, oracle = room.coordinator.warden, Oracle()
    warden.rounds.ask = oracle.ask
    await go_on(room, warden, 1)
    await machine(room, "w-1")
    told = []
    for _ in range(300):
        await go_on(room, warden, 1)
        told.append(warden.rounds.told_results["right"])
    changes = [number for number in range(1, 300) if told[number] != told[number - 1]]
    assert changes
    assert all(later - before >= 60 for before, later in pairwise(changes)), "as rarely as it is asked"
    assert 0 < told[-1] <= warden.rounds.results["right"]
