"""When a step of a rotation may be taken, and what whoever asks for it too early is told."""

from __future__ import annotations

import pytest

from coordinator_server.enrolment.rotation import RotationState, is_outlived
from node.wire.credentials import CLOCK_SKEW
from node.wire.problems import Problem


def test_a_step_waits_for_everybody_and_for_a_while() -> None:
    assert RotationState("spreading", 100.0, ()).is_due(160.0, 60.0)
    assert not RotationState("spreading", 100.0, ()).is_due(159.0, 60.0)
    assert not RotationState("replacing", 100.0, ("w-1",)).is_due(1e9, 60.0)
    assert not RotationState("steady", 0.0, ()).is_due(1e9, 60.0)


def test_what_was_given_out_before_a_step_is_over_after_one_life_and_what_clocks_may_be_wrong() -> None:
    life = 7 * 86400.0
    assert not is_outlived(100.0, 100.0 + life + 2 * CLOCK_SKEW - 1, life)
    assert is_outlived(100.0, 100.0 + life + 2 * CLOCK_SKEW, life)


def test_only_force_takes_a_step_before_its_time() -> None:
    RotationState("steady", 0.0, ()).check_step(force=False, loss="lose all")
    RotationState("spreading", 0.0, ("w-1",)).check_step(force=True, loss="lose all")
    with pytest.raises(Problem, match=r"waits for 2 members: w-1, w-2\. .* then lose all\."):
        RotationState("spreading", 0.0, ("w-1", "w-2")).check_step(force=False, loss="lose all")
    with pytest.raises(Problem, match="goes on by itself"):
        RotationState("replacing", 0.0, ()).check_step(force=False, loss="lose all")
