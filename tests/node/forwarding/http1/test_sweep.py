"""Time limits without timers: who is overdue is told, and one that fails stops no other."""

from __future__ import annotations

import logging

import pytest

from node.forwarding.http1.sweep import NEVER, Sweep
from tests.support.waiting import eventually


class Member:
    def __init__(self, deadline: float, *, fails: bool = False) -> None:
        self.deadline = deadline
        self.fails = fails
        self.told: list[float] = []

    def overdue(self, now: float) -> None:
        self.told.append(now)
        self.deadline = NEVER
        if self.fails:
            raise RuntimeError("no")


def test_only_who_is_overdue_is_told(caplog: pytest.LogCaptureFixture) -> None:
    sweep = Sweep()
    early, broken, late = Member(1.0), Member(1.5, fails=True), Member(3.0)
    sweep.members |= {early, broken, late}
    with caplog.at_level(logging.CRITICAL):
        sweep.look(0.5)
        sweep.look(2.0)
        sweep.look(2.5)
    assert (early.told, broken.told, late.told) == ([2.0], [2.0], [])


async def test_it_looks_again_and_again_until_it_is_stopped() -> None:
    sweep, member = Sweep(0.001), Member(0.0)
    sweep.members.add(member)
    sweep.start()
    sweep.start()
    await eventually(lambda: len(member.told) == 1, "the first look", 20)
    member.deadline = 0.0
    await eventually(lambda: len(member.told) == 2, "the second look", 20)
    sweep.stop()
    sweep.stop()
