"""Clocks that are wrong, apart or jump."""

from __future__ import annotations

from pathlib import Path

import pytest

from coordinator_server.audit import Audit
from coordinator_server.fleet.presence import Serving
from coordinator_server.operation.clocks import (
    DAY,
    FLOOR,
    ClockWatch,
    is_in_doubt,
    judge_clock,
    judge_others,
    last_moment,
    steady_seconds,
)
from coordinator_server.operation.machine import Condition
from coordinator_server.store.sqlite import open_sqlite
from node.wire.messages import CoordinatorInfo
from tests.support.mesh_keys import Clock

NOW = 1_800_000_000.0


async def test_the_newest_line_of_the_audit_log_is_what_counts(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path / "store.db")
    assert await last_moment(store) == 0.0
    audit = Audit(store, lambda: NOW)
    await audit.record(audit.line("key-created", actor="admin"))
    assert await last_moment(store) == NOW
    await store.close()


@pytest.mark.parametrize(
    ("now", "last", "fatal"),
    [(NOW, 0.0, None), (NOW, NOW + 60, None), (NOW, NOW + 61, False), (NOW, NOW + DAY, False),
     (NOW, NOW + DAY + 1, True), (1000.0, 0.0, True), (NOW + 10 * DAY, NOW, None)],
)  # fmt: skip
def test_a_clock_far_behind_is_fatal(now: float, last: float, fatal: bool | None) -> None:
    found = judge_clock(now, last)
    assert (found.fatal if found else None) == fatal
    assert found is None or now < FLOOR or ("--ignore-clock" in found.hint) == fatal, "else it starts without"


def said(seen_at: float) -> Serving:
    return Serving(info=CoordinatorInfo(id="coordinator-b", url="http://b"), seen_at=seen_at)


def test_another_clock_is_compared_by_what_it_wrote() -> None:
    for seen_at in (NOW, NOW - 20, NOW - 79, NOW + 60):
        assert judge_others([said(seen_at)], NOW, heartbeat=20) is None
    for seen_at in (NOW + 61, NOW - 81):
        found = judge_others([said(NOW), said(seen_at)], NOW, heartbeat=20)
        assert found is not None
        assert "coordinator-b (http://b)" in found.text


def test_a_jump_is_noticed_told_for_an_hour_and_forgotten() -> None:
    wall, steady = Clock(NOW), Clock(5000.0)
    watch = ClockWatch(wall, steady)

    def pass_by(seconds: float, jump: float = 0.0) -> float:
        wall.now += seconds + jump
        steady.now += seconds
        return watch.look()

    assert pass_by(5, jump=0.2) == 0.0
    assert watch.condition() is None
    assert pass_by(5, jump=3600) == 3600
    found = watch.condition()
    assert found is not None
    assert "forward by 60 min" in found.text
    assert pass_by(10) == 0.0
    assert pass_by(5, jump=-7200) == -7200
    found = watch.condition()
    assert found is not None
    assert "back by 2 h" in found.text
    assert pass_by(3601) == 0.0
    assert watch.condition() is None


def test_steady_seconds_never_step_back() -> None:
    first = steady_seconds()
    assert first <= steady_seconds()


def test_a_clock_is_in_doubt_after_a_jump_and_apart_from_others() -> None:
    for found, others, doubt in (
        ((), (), False),
        ((Condition("disk", "full", ""),), (said(NOW),), False),
        ((Condition("clock", "jumped", ""),), (), True),
        ((), (said(NOW - 3 * DAY),), True),
    ):
        assert is_in_doubt(found, others, NOW, 20) == doubt
