"""Which means each system is kept by."""

from __future__ import annotations

from node.services.limits.computer import enforcer_of_this_computer
from node.services.limits.enforcer import NoLimits


def test_every_system_has_its_own_means_and_an_unknown_one_none() -> None:
    assert "nice 7" in enforcer_of_this_computer(7, "linux").ability().priority_by
    assert isinstance(enforcer_of_this_computer(7, "plan9"), NoLimits)
