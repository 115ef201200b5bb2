"""Who gives something up serves until others do: a drain and a move leave no gap."""

from __future__ import annotations

import dataclasses

from coordinator_server.registry.assignment import plan_again_at
from coordinator_server.registry.handover import about, awaited_by
from tests.support.fleets import Fleet, machine, service, where


def drained(*names: str) -> Fleet:
    """Return a fleet that serves x, of which the first machine is then drained."""
    fleet = Fleet([machine(name) for name in names], service("x", replicas=1))
    fleet.settle()
    fleet.beat()
    (one,) = fleet.running("x")
    fleet.change(one, resting="is being drained by the operator", draining=True)
    return fleet


def test_a_drained_machine_serves_until_another_does() -> None:
    fleet = drained("a", "b")
    first = fleet.carry_out()
    assert where(first, "x") == {"a", "b"}
    (handover,) = first.handovers
    assert (handover.source, handover.service) == ("a", "x")
    assert "drained by the operator" in handover.reason
    assert not awaited_by(first.history.awaited, "a", ("x",))
    assert awaited_by(first.history.awaited, "b", ("x",))
    second = fleet.beat(5.0)
    assert (where(second, "x"), second.handovers) == ({"b"}, ())
    (stop,) = second.moves
    assert (stop.worker_id, stop.action, stop.reason) == (
        "a",
        "stop",
        "the machine is being drained by the operator",
    )


def test_it_stops_when_the_deadline_is_over_whether_the_other_runs_or_not() -> None:
    fleet = drained("a", "b")
    fleet.slow.add("b")
    began = fleet.now
    assert where(fleet.carry_out(), "x") == {"a", "b"}
    assert plan_again_at(fleet.history) == began + 30.0
    assert where(fleet.beat(29.0), "x") == {"a", "b"}
    assert where(fleet.beat(1.0), "x") == {"b"}


def test_it_stops_at_once_where_nobody_can_replace_it() -> None:
    fleet = drained("a")
    found = fleet.carry_out()
    assert (where(found, "x"), found.handovers) == (set(), ())


def test_a_volunteer_who_pauses_waits_for_nobody() -> None:
    fleet = drained("a", "b")
    fleet.change("a", draining=False, resting="is paused")
    assert where(fleet.carry_out(), "x") == {"b"}


def test_undrained_meanwhile_it_simply_goes_on() -> None:
    fleet = drained("a", "b")
    fleet.slow.add("b")
    fleet.carry_out()
    fleet.change("a", draining=False, resting="")
    found = fleet.carry_out()
    assert found.handovers == ()
    assert fleet.running("x") == {"a"}


def test_both_are_told_what_goes_on() -> None:
    fleet = drained("a", "b")
    handovers = fleet.carry_out().handovers
    told = about(handovers, "a")
    assert told.startswith("It hands x over to others, and serves until that runs: the machine is being drained")
    named = [dataclasses.replace(one, target="b") for one in handovers]
    assert about(named, "b") == "It takes x over from a, which serves until then."
    assert about(handovers, "c") == ""
