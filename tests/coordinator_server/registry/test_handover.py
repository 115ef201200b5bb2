"""Who gives something up serves until others do: a drain and a move leave no gap."""

from __future__ import annotations

import dataclasses

from coordinator_server.registry.assignment import plan_again_at
from coordinator_server.registry.board import Board
from coordinator_server.registry.handover import (
    Told,
    _handover,
    _hold_back,
    about,
    awaited_by,
    deadlines,
    drained_since,
)
from coordinator_server.registry.machines import Machine
from coordinator_server.registry.plans import Handover, History, Pace
from node.wire.manifests import Catalogue, Requirements
from node.wire.messages import Capabilities
from tests.support.fleets import GIB, Fleet, gpu_machine, machine, service, where


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


def test_who_does_not_run_it_serves_nobody_meanwhile() -> None:
    fleet = drained("a", "b")
    fleet.change("a", running=())
    assert where(fleet.carry_out(), "x") == {"b"}


def test_who_is_expected_back_keeps_what_it_hands_over_until_another_runs_it() -> None:
    fleet = handing_over()
    before = fleet.machines["a"]
    (begun,) = fleet.last.handovers
    away = Machine(worker_id="a", capabilities=Capabilities(), current=before.current, expected=True)
    fleet.machines["a"] = away
    for _ in range(2):
        found = fleet.beat(Pace().patience)
        assert (found.moves, found.handovers) == ((), (begun,)), "else nobody would run it when it is back"
    fleet.machines["a"] = before
    assert "a" in where(fleet.carry_out(), "x"), "and when it is back it goes on serving"
    fleet = handing_over()
    fleet.machines["a"] = away
    fleet.slow.clear()
    (stop,) = fleet.beat().moves
    assert (stop.worker_id, stop.action, stop.service) == ("a", "stop", "x")


def test_a_disk_that_the_service_itself_has_filled_does_not_keep_it_from_serving_on() -> None:
    fleet = drained("a", "b")
    fleet.catalogue = Catalogue((service("x", replicas=1, requirements=Requirements(disk_bytes=9 * GIB)),))
    full = machine("a", disk_free_bytes=0).capabilities
    fleet.change("a", capabilities=full)
    assert where(fleet.carry_out(), "x") == {"a", "b"}


def test_once_as_many_run_as_are_wanted_nobody_serves_on() -> None:
    fleet = Fleet([machine(name, current=("x",)) for name in "abcdef"], service("x"))
    fleet.change("f", running=())
    for name in "ab":
        fleet.change(name, resting="is being drained by the operator", draining=True)
    assert where(fleet.carry_out(), "x") == {"c", "d", "e", "f"}
    fleet.change("d", running=())
    fleet.change("e", running=())
    for name in "ab":
        fleet.change(name, current=("x",), running=("x",))
    assert where(fleet.carry_out(), "x") == {"a", "c", "d", "e", "f"}, "and no more of them than are lacking"


def test_who_began_first_serves_on() -> None:
    machines = [machine(name, current=("x",)) for name in "abc"]
    board = Board(machines, Catalogue((service("x", replicas=1),)), 16, History())
    board.give(dataclasses.replace(machines[2], running=()), board.manifests["x"])
    told = Told()
    _hold_back(board, "x", [Handover("x", "a", "", 7.0, "why"), Handover("x", "b", "", 6.0, "why")], told)
    assert set(told.handovers) == {("b", "x")}
    assert told.awaited == {("c", "x")}


def board_of(before: Handover | None = None, *, told: bool = True, **targets: str) -> Board:
    """Return a board on which c has x, which a gives up to these `targets`."""
    current = ("x",) if told else ()
    machines = [machine("a", current=("x",)), machine("b"), machine("c", current=current)]
    history = History(handovers={("a", "x"): before} if before is not None else {})
    board = Board(machines, Catalogue((service("x"),)), 16, history)
    board.give(machines[2], board.manifests["x"])
    board.targets.update(((source, "x"), target) for source, target in targets.items())
    return board


def test_its_time_begins_when_who_takes_over_was_told_and_anew_with_another() -> None:
    def since(before: str | None, now: float = 90.0, *, told: bool = True) -> float:
        known = Handover("x", "a", before, 50.0, "why") if before is not None else None
        board = board_of(known, told=told, a="c")
        return _handover(board, board.by_id["a"], "x", now).since

    assert [since(None), since("c"), since(""), since("b")] == [90.0, 50.0, 50.0, 90.0]
    assert since("c", told=False) == 90.0
    assert since("c", 40.0) == 40.0, "a clock that was set back makes nothing last longer"


def test_who_takes_over_is_who_has_it_in_the_end() -> None:
    board = board_of(a="b", b="c")
    assert _handover(board, board.by_id["a"], "x", 90.0).target == "c"
    round_about = board_of(a="b", b="a")
    assert _handover(round_about, round_about.by_id["a"], "x", 90.0).target == ""


def test_it_is_planned_again_when_a_drain_is_over_and_when_patience_is() -> None:
    pace = Pace(drain=30.0, patience=300.0)
    history = History(handovers={("a", "x"): Handover("x", "a", "b", 1000.0, "why")}, drained={"a": 1010.0})
    assert deadlines(history, pace) == [1300.0, 1040.0]
    assert plan_again_at(history, pace) == 1040.0
    assert plan_again_at(dataclasses.replace(history, looked_at=1040.0), pace) == 1300.0


def handing_over() -> Fleet:
    """Return a fleet in which a hands x over to b, and neither b nor c starts anything."""
    machines = [gpu_machine("a", current=("x",)), machine("b"), machine("c")]
    fleet = Fleet(machines, service("x", replicas=1), service("ocr", replicas=1, tier="gpu"), most=1)
    fleet.slow |= {"b", "c"}
    (handover,) = fleet.carry_out().handovers
    assert handover.target == "b"
    return fleet


def test_who_is_drained_while_it_hands_over_has_the_whole_time_of_a_drain() -> None:
    fleet = handing_over()
    fleet.beat(100.0)
    fleet.change("a", resting="is being drained by the operator", draining=True)
    assert where(fleet.carry_out(), "x") == {"a", "b"}
    assert where(fleet.beat(29.0), "x") == {"a", "b"}
    assert where(fleet.beat(1.0), "x") == {"b"}


def test_a_drain_lasts_no_longer_because_who_was_to_take_over_left() -> None:
    fleet = handing_over()
    fleet.change("a", resting="is being drained by the operator", draining=True)
    fleet.carry_out()
    del fleet.machines["b"]
    assert where(fleet.beat(20.0), "x") == {"a", "c"}
    assert where(fleet.beat(10.0), "x") == {"c"}


def test_a_drain_that_was_taken_back_counts_no_more_nor_does_a_clock_that_was_set_back() -> None:
    one, other = machine("a", draining=True, resting="is being drained"), machine("b")
    history = History(drained={"a": 7.0, "b": 5.0})
    assert drained_since(history, [one, other], 9.0) == {"a": 7.0}
    assert drained_since(history, [one, other], 6.0) == {"a": 6.0}
    assert drained_since(History(), [one, other], 9.0) == {"a": 9.0}
