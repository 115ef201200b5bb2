"""Moves that nobody's absence forces: rare, with a reason, and without a gap."""

from __future__ import annotations

import dataclasses
import random
import re
from typing import Any

import pytest

from coordinator_server.registry.assignment import Machine, Pace, look, plan_again_at
from coordinator_server.registry.board import Board
from coordinator_server.registry.migration import Migration, watch
from coordinator_server.registry.plans import History, Moved
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


# --- one planning, step by step -----------------------------------------------------------------------------------

NOW = 1000.0
LONG_AGO = NOW - PACE.sustained


def migrated(
    *machines: Machine, replicas: int = 2, history: History | None = None, most: int = 3
) -> dict[str, str]:
    """Return who hands x over to whom, where the machines have what they run; y and z never move."""
    history = history or History()
    catalogue = Catalogue((service("x", replicas=replicas), service("y", replicas=1), service("z", replicas=1)))
    board = Board(machines, catalogue, most, history, list(history.overloaded))
    for one in machines:
        for name in one.running or one.current:
            board.give(one, board.manifests[name])
    Migration(board, history, PACE, NOW).migrate()
    return {source: target for (source, name), target in board.targets.items() if name == "x"}


def household(**changes: dict[str, object]) -> dict[str, str]:
    """Return what moves where a and b share a household and c, in another, has nothing to do."""
    usual: dict[str, dict[str, Any]] = {
        "a": {"site": "s", "current": ("x", "y")},
        "b": {"site": "s", "current": ("x",)},
        "c": {"site": "t"},
    }
    return migrated(*(machine(name, **{**usual[name], **changes.get(name, {})}) for name in usual))


def test_out_of_a_crowded_household_goes_what_is_on_the_machine_with_the_most_to_do() -> None:
    assert household() == {"a": "c"}
    assert household(a={"current": ("x",), "load": 0.1}, b={"load": 0.6}) == {"b": "c"}
    assert household(a={"current": ("x",), "load": 0.6}, b={"load": 0.1}) == {"a": "c"}


@pytest.mark.parametrize(
    "changes",
    [
        {"b": {"site": ""}},
        {"b": {"site": "u"}},
        {"c": {"site": "s"}},
        {"c": {"site": ""}},
        {"c": {"resting": "is paused"}},
        {"c": {"expected": True}},
        {"c": {"current": ("y", "z")}},
        {"c": {"allowed_services": ("y",)}},
        {"a": {"running": ("x",), "current": ()}, "b": {"running": ("x",), "current": ()}},
        {"a": {"resting": "is paused"}, "b": {"expected": True}},
    ],
)
def test_it_stays_where_that_is_no_better_or_nobody_may(changes: dict[str, dict[str, object]]) -> None:
    assert household(**changes) == {}


def test_one_more_than_is_wanted_may_share_a_household() -> None:
    three = [machine("a", site="s", current=("x", "y")), machine("b", site="s", current=("x", "z"))]
    others = [machine("c", site="t", current=("x",)), machine("d", site="u")]
    assert migrated(*three, *others) == {}
    assert migrated(*three, *others, replicas=3) == {"b": "d"}
    somewhere = machine("c", current=("x", "y", "z"))
    assert migrated(*three, somewhere, others[1]) == {}, "where it is is not known, so nobody shares that"
    busy = machine("c", site="t", current=("x", "y", "z"))
    assert migrated(*three, busy, others[1], replicas=3) == {"b": "d"}, "not from where it is alone"


def test_a_household_that_has_just_lost_its_replica_counts_no_more() -> None:
    machines = [machine("a", site="s", current=("x",)), machine("b", site="s", current=("x", "y"))]
    machines += [machine("c", site="t", current=("x",)), machine("d", site="u")]
    board = Board(machines, Catalogue((service("x"), service("y", replicas=1))), 3, History())
    for one in machines:
        for name in one.current:
            board.give(one, board.manifests[name])
    board.take(machines[2], board.manifests["x"], "it is needed for something else")
    Migration(board, History(), PACE, NOW).migrate()
    assert board.targets == {("b", "x"): "c"}


def relieved(history: History | None = None, most: int = 3, **changes: dict[str, object]) -> dict[str, str]:
    """Return what moves where a has long been overloaded, b runs x as well, and c and d are idle."""
    usual: dict[str, dict[str, Any]] = {
        "a": {"current": ("x",), "load": 1.0},
        "b": {"current": ("x",), "load": 0.7},
        "c": {"current": ("y",)},
        "d": {"allowed_services": ("y",)},
    }
    history = history or History(overloaded={"a": LONG_AGO})
    machines = [machine(name, **{**usual[name], **changes.get(name, {})}) for name in usual]
    return migrated(*machines, history=history, most=most)


def test_who_has_the_least_to_do_relieves_who_has_been_overloaded_for_the_longest() -> None:
    assert relieved() == {"a": "c"}
    assert relieved(d={"allowed_services": ()}) == {"a": "d"}
    both = History(overloaded={"a": LONG_AGO, "b": LONG_AGO - 1.0})
    assert relieved(both, b={"load": 1.0}) == {"b": "c"}


@pytest.mark.parametrize(
    "changes",
    [
        {"a": {"expected": True}},
        {"a": {"running": ("x",), "current": ()}},
        {"c": {"load": 0.52}},
        {"c": {"memory_free": 0.07}},
        {"c": {"allowed_services": ("y",)}},
        {"c": {"resting": "is paused"}},
        {"b": {"site": "t"}, "a": {"site": "s"}, "c": {"site": "t"}},
    ],
)
def test_nobody_is_relieved_by_who_is_not_idle_or_would_crowd_a_household(changes: dict[str, Any]) -> None:
    assert relieved(**changes) == {}


def test_within_a_household_or_from_one_crowded_to_another_relief_crowds_nobody_more() -> None:
    assert relieved(a={"site": "s"}, b={"site": "t"}, c={"site": "s"}) == {"a": "c"}
    crowded = [machine(name, site="s", current=("x",), load=load) for name, load in (("a", 1.0), ("b", 0.7))]
    elsewhere = [machine("c", site="t", current=("x",), load=0.7), machine("d", site="t")]
    assert migrated(*crowded, *elsewhere, replicas=3, history=History(overloaded={"a": LONG_AGO})) == {"a": "d"}


@pytest.mark.parametrize(
    "history",
    [
        History(overloaded={"a": LONG_AGO}, rested={"a": NOW - 1.0}),
        History(overloaded={"a": LONG_AGO}, rested={"c": NOW - 1.0}),
        History(overloaded={"a": LONG_AGO}, shunned={("c", "x"): NOW + 1.0}),
        History(overloaded={"a": LONG_AGO}, moved={"x": Moved(1, NOW - 1.0)}),
        History(overloaded={"a": LONG_AGO, "c": NOW}),
    ],
)
def test_who_took_part_lately_does_not_again(history: History) -> None:
    assert relieved(history) == {}


def test_a_machine_that_is_full_relieves_nobody() -> None:
    assert relieved(most=1) == {}
    assert relieved(most=2) == {"a": "c"}


def test_what_is_being_handed_over_moves_nowhere_else() -> None:
    machines = [machine("a", current=("x",), load=1.0), machine("b", current=("x",)), machine("c"), machine("d")]
    history = History(overloaded={"a": LONG_AGO})
    board = Board(machines, Catalogue((service("x"),)), 3, history, ["a"])
    board.give(machines[0], board.manifests["x"])
    board.targets["b", "x"] = "c"
    Migration(board, history, PACE, NOW).migrate()
    assert board.targets == {("b", "x"): "c"}


def test_a_service_moves_once_in_a_plan_and_both_machines_rest_then() -> None:
    machines = [machine(name, site="s", current=("x",), load=0.7) for name in "abe"]
    machines[0] = machine("a", site="s", current=("x",), load=1.0)
    machines += [machine("c", site="t"), machine("d", site="u")]
    fleet = Fleet(machines, service("x", replicas=3))
    fleet.history = History(overloaded={"a": fleet.now - PACE.sustained})
    found = fleet.carry_out()
    (start,) = [move for move in found.moves if move.action == "start" and "takes over" in move.reason]
    assert not [move for move in found.moves if "one household" in move.reason]
    assert dict(found.history.rested) == {"a": fleet.now, start.worker_id: fleet.now}
    assert dict(found.history.moved) == {"x": Moved(1, fleet.now)}


def test_of_several_services_the_one_with_the_most_replicas_to_spare_moves() -> None:
    machines = [machine("a", current=("x", "y"), load=1.0), machine("b", current=("x", "y"), load=0.7)]
    machines += [machine("c", current=("y",), load=0.7), machine("d", current=("z",))]
    fleet = Fleet(machines, service("x"), service("y"), service("z", replicas=1))
    fleet.history = History(overloaded={"a": fleet.now - PACE.sustained})
    assert {move.service for move in fleet.carry_out().moves} == {"y"}


def test_a_cool_down_is_forgotten_after_a_while() -> None:
    board = Board([], Catalogue(()), 3, History())
    for age, kept in ((PACE.forgiven - 1.0, 1), (PACE.forgiven, 0)):
        assert len(Migration(board, History(moved={"x": Moved(5, NOW - age)}), PACE, NOW).moved) == kept
    for age, kept in ((PACE.cooldown - 1.0, 1), (PACE.cooldown, 0)):
        assert len(Migration(board, History(rested={"a": NOW - age}), PACE, NOW).rested) == kept


def test_a_machine_is_overloaded_from_nine_tenths_on_until_it_is_calm_or_rests() -> None:
    def seen(before: float | None, now: float = NOW, **changes: Any) -> dict[str, float]:
        return watch({"a": before} if before is not None else {}, [machine("a", **changes)], PACE, now)

    assert [seen(None, load=load) for load in (0.89, 0.9)] == [{}, {"a": NOW}]
    assert [seen(None, memory_free=free) for free in (0.05, 0.049)] == [{}, {"a": NOW}]
    assert [seen(7.0, load=load) for load in (0.74, 0.75)] == [{}, {"a": 7.0}]
    assert [seen(7.0, memory_free=free) for free in (0.1, 0.09)] == [{}, {"a": 7.0}]
    assert seen(7.0, load=1.0, resting="is paused") == seen(None, load=1.0, resting="is paused") == {}
    assert seen(7.0, expected=True) == {"a": 7.0}, "how it is now is not known"
    assert seen(NOW, now=500.0, load=1.0) == {"a": 500.0}, "a clock that was set back makes nothing last longer"
