"""Moves that nobody's absence forces: rare, with a reason, and without a gap."""

from __future__ import annotations

import dataclasses
import random
import re

import pytest

from coordinator_server.registry.assignment import Pace, look, plan_again_at
from coordinator_server.registry.plans import Moved
from node.wire.manifests import Catalogue
from tests.support.fleets import BEAT, Fleet, machine, service, where

PACE = Pace()


def busy(**other: float) -> Fleet:
    """Return a fleet in which a runs x and y and is overloaded, b runs both, and c is idle."""
    machines = [
        machine("a", current=("x", "y"), load=0.95),
        machine("b", current=("x", "y"), load=0.6),
        machine("c", load=0.1, allowed_services=("z",)),
    ]
    fleet = Fleet(machines, service("x"), service("y"), service("z"))
    fleet.settle()
    fleet.change("c", capabilities=dataclasses.replace(fleet.machines["b"]).capabilities, **other)
    return fleet


def after(fleet: Fleet, seconds: float) -> list[str]:
    """Let time go by; return who moved what."""
    seen, until = [], fleet.now + seconds
    while fleet.now < until:
        seen += [f"{move.worker_id} {move.action} {move.service}" for move in fleet.beat().moves]
    return seen


def test_an_overloaded_machine_gives_one_service_to_an_idle_one_which_starts_first() -> None:
    fleet = busy()
    assert after(fleet, PACE.sustained - BEAT) == []
    first = fleet.beat()
    (start,) = first.moves
    assert (start.worker_id, start.action) == ("c", "start")
    assert start.reason == "it takes over from a, which is overloaded"
    until = fleet.now + PACE.cooldown
    assert first.history.shunned == {("a", start.service): until}, "a gets it back only where nobody else can"
    assert where(first, start.service) == {"a", "b", "c"}
    (stop,) = fleet.beat().moves
    assert (stop.worker_id, stop.action, stop.service) == ("a", "stop", start.service)
    assert re.fullmatch(r"the machine has been overloaded for 9\d s, and c is idle", stop.reason)
    assert after(fleet, PACE.cooldown - 4 * BEAT) == [], "neither machine takes part again so soon"


def test_a_machine_gives_one_service_away_at_a_time_however_many_are_idle() -> None:
    fleet = busy()
    fleet.machines["d"] = dataclasses.replace(fleet.machines["c"], worker_id="d")
    fleet.carry_out()
    seen = after(fleet, PACE.sustained + PACE.cooldown - 4 * BEAT)
    assert len([move for move in seen if move.startswith("a stop")]) == 1, seen
    assert len([move for move in after(fleet, PACE.cooldown) if move.startswith("a stop")]) == 1


def test_it_does_not_come_back_when_the_load_does_not_fall() -> None:
    fleet = busy()
    seen = after(fleet, 86_400.0)
    assert len(seen) <= 4, "a has one service left to give, and then none"
    assert len(fleet.running("x")) >= 2
    assert len(fleet.running("y")) >= 2


@pytest.mark.parametrize("why", ["short", "little gain", "nobody calm", "noise"])
def test_nothing_moves_without_a_great_reason(why: str) -> None:
    fleet = busy()
    if why == "nobody calm":
        fleet.change("c", load=0.6)
    if why == "little gain":
        fleet.pace = dataclasses.replace(PACE, gain=0.9)
    rng = random.Random(1)
    for step in range(200):
        if why == "short":
            fleet.change("a", load=0.95 if step % 3 else 0.5)
        if why == "noise":
            fleet.change("a", load=rng.uniform(0.2, 0.899))
        assert fleet.beat().moves == ()


def test_too_little_memory_is_a_reason_as_well() -> None:
    fleet = busy()
    fleet.change("a", load=0.2, memory_free=0.03)
    fleet.history = dataclasses.replace(fleet.history, overloaded={})
    assert any(move.endswith(("start x", "start y")) for move in after(fleet, 300.0))


def test_what_keeps_data_never_moves_for_load() -> None:
    fleet = Fleet([machine("a", current=("x",), load=1.0), machine("b")], service("x", replicas=1))
    fleet.settle()
    assert after(fleet, 3600.0) == []


def test_an_overloaded_machine_gets_nothing_that_is_not_needed_there() -> None:
    fleet = Fleet([machine("a", load=1.0, current=("x",)), machine("b", current=("x",), load=0.6)], service("x"))
    after(fleet, 300.0)
    fleet.catalogue = Catalogue((service("x"), service("y")))
    assert {move.worker_id for move in fleet.carry_out().moves} == {"a", "b"}, "unless nobody else is there"


def test_replicas_move_out_of_a_crowded_household_when_there_is_another() -> None:
    fleet = Fleet([machine("a", site="s"), machine("b", site="s")], service("x"), service("y"))
    fleet.settle()
    fleet.machines["c"] = machine("c", site="t", running=())
    found = fleet.carry_out()
    reasons = {move.reason for move in found.moves if move.action == "start"}
    assert any("in one household" in reason for reason in reasons)
    for _ in range(4):
        fleet.beat()
    assert "t" in fleet.sites("x")
    assert all(len(fleet.running(name)) >= 2 for name in "xy")


def test_a_machine_that_comes_and_goes_makes_its_household_no_crossroads() -> None:
    fleet = Fleet([machine("a", site="s"), machine("b", site="s")], service("x"), service("y"), service("z"))
    fleet.settle()
    fleet.machines["c"] = machine("c", site="t", running=())
    moved = 0
    for step in range(240):  # two hours, in which c comes and goes every five minutes
        found = fleet.beat()
        moved += sum("household" in move.reason for move in found.moves if move.action == "stop")
        fleet.change("c", resting="is not heard of" if step // 10 % 2 else "")
    assert moved <= 3 * 4, "each service waits longer each time"


def test_cooldowns_double_up_to_a_limit() -> None:
    spans = [Moved(times, 0.0).rests_until(PACE) for times in range(1, 8)]
    assert spans == [900.0, 1800.0, 3600.0, 7200.0, 14_400.0, 14_400.0, 14_400.0]


def test_looking_costs_no_planning_and_says_when_one_is_due() -> None:
    fleet = busy()
    assert plan_again_at(dataclasses.replace(fleet.history, overloaded={})) == float("inf")
    seen = look(dataclasses.replace(fleet.history, overloaded={}), fleet.machines.values(), fleet.now)
    assert dict(seen.overloaded) == {"a": fleet.now}
    assert plan_again_at(seen) == fleet.now + PACE.sustained
    fleet.change("a", load=0.8)
    assert "a" in look(seen, fleet.machines.values(), fleet.now + 10).overloaded, "a little less is no relief"
    fleet.change("a", load=0.7)
    assert look(seen, fleet.machines.values(), fleet.now + 20).overloaded == {}
