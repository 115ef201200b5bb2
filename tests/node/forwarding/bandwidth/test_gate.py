"""The gate: first come, first served; who left has no turn; and one that fails keeps nobody waiting."""

from __future__ import annotations

import asyncio
import functools

import pytest

from node.forwarding.bandwidth.gate import Gate
from tests.support.waiting import eventually


async def test_who_came_first_goes_first_and_nobody_overtakes() -> None:
    gate = Gate(asyncio.get_running_loop())
    assert gate.open
    gate.change(100_000)
    gate.spend(2000)
    turns: list[str] = []

    def turn(name: str) -> int:
        turns.append(name)
        gate.spend(500)
        return 0

    names = ["first", "second", "third"]
    waiting = [functools.partial(turn, name) for name in names]
    for one in waiting:
        gate.wait(one)
    assert not gate.open
    assert len(gate) == 3
    await eventually(lambda: turns == names, "all turns")
    assert len(gate) == 0


async def test_who_left_has_no_turn() -> None:
    gate = Gate(asyncio.get_running_loop())
    gate.change(1)
    gate.spend(10)
    turns: list[str] = []

    def gone() -> int:
        turns.append("gone")
        return 0

    gate.wait(gone)
    gate.forget(gone)
    gate.forget(gone)
    assert len(gate) == 0
    gate.change(None)
    gate.wait(lambda: turns.append("last") or 0)  # type: ignore[func-returns-value]  # a turn in one line
    await eventually(lambda: turns == ["last"], "the turn of who stayed")


async def test_when_the_limit_is_lifted_all_who_wait_go_at_once() -> None:
    gate = Gate(asyncio.get_running_loop())
    gate.change(1)
    gate.spend(10**9)  # longer than any test lasts
    turns: list[int] = []

    def turn(number: int) -> int:
        turns.append(number)
        return 10**6

    for number in range(5):
        gate.wait(functools.partial(turn, number))
    gate.change(None)
    await eventually(lambda: len(turns) == 5, "all turns")


async def test_one_that_fails_keeps_nobody_waiting(caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate(asyncio.get_running_loop())
    turns: list[str] = []

    def broken() -> int:
        raise RuntimeError("broken")

    gate.wait(broken)
    gate.wait(lambda: turns.append("next") or 0)  # type: ignore[func-returns-value]  # a turn in one line
    await eventually(lambda: turns == ["next"], "the turn of the next")
    assert "could not go on" in caplog.text
