"""What stays where it is, and what goes on being handed over."""

from __future__ import annotations

from coordinator_server.registry.assignment import assign
from coordinator_server.registry.plans import Handover, History, Pace
from node.wire.manifests import Catalogue
from tests.support.fleets import Fleet, gpu_machine, machine, service, where


def moving() -> Fleet:
    """Return a fleet in which x goes from a to b, because ocr needs a."""
    machines = [gpu_machine("a", current=("x",)), machine("b")]
    fleet = Fleet(machines, service("x", replicas=1), service("ocr", replicas=1, tier="gpu"), most=1)
    fleet.carry_out()
    return fleet


def test_while_who_takes_over_has_not_started_planning_again_changes_nothing() -> None:
    fleet = moving()
    for _ in range(5):
        found = fleet.carry_out()
        assert found.moves == ()
        (handover,) = found.handovers
        assert (handover.service, handover.source, handover.target) == ("x", "a", "b")
        assert handover.since == 1000.0
        fleet.now += 20.0


def test_when_who_takes_over_goes_away_it_stays() -> None:
    fleet = moving()
    fleet.change("b", resting="is paused")
    found = fleet.carry_out()
    assert (where(found, "x"), found.handovers) == ({"a"}, ())
    assert fleet.running("x") == {"a"}


def test_who_does_not_get_it_to_run_is_given_up_and_not_tried_again_soon() -> None:
    fleet = moving()
    fleet.slow.add("b")
    starts = 0
    while fleet.now < 1000.0 + 5 * 300.0:
        starts += sum(move.action == "start" for move in fleet.beat().moves)
        assert fleet.running("x") == {"a"}
    assert starts <= 1
    stops = Pace().cooldown
    fleet.slow.clear()
    while fleet.running("ocr") != {"a"} and fleet.now < 1000.0 + 3 * stops:
        fleet.beat()
    assert (fleet.running("x"), fleet.running("ocr")) == ({"b"}, {"a"})


def test_of_what_may_run_once_only_one_stays() -> None:
    both = [machine("a", current=("x",)), machine("b", current=("x",))]
    fleet = Fleet(both, service("x", replicas=1))
    found = fleet.carry_out()
    assert where(found, "x") == {"a"}
    assert "know of one another's data" in found.moves[0].reason


def test_it_stays_with_who_runs_it_and_not_with_who_was_only_told() -> None:
    both = [machine("a", current=("x",)), machine("b", current=("x",))]
    fleet = Fleet(both, service("x", replicas=1))
    fleet.change("a", running=())
    found = fleet.carry_out()
    assert where(found, "x") == {"b"}
    assert [(move.worker_id, move.action) for move in found.moves] == [("a", "stop")]
    fleet = Fleet([both[0], machine("b", current=("x",), expected=True)], service("x", replicas=1))
    fleet.change("a", running=())
    assert where(fleet.carry_out(), "x") == {"b"}, "of who is expected back that is believed"


def test_who_is_drained_hands_over_to_one_that_is_late_for_it_cannot_keep_it() -> None:
    fleet = moving()
    fleet.slow.add("b")
    fleet.change("a", resting="is being drained by the operator", draining=True)
    fleet.carry_out()
    found = fleet.beat(Pace().patience + 1.0)
    assert where(found, "x") == {"b"}
    assert found.history.shunned == {}
    assert fleet.rounds() == 0


def test_after_one_was_given_up_the_next_plans_come_to_rest_at_once() -> None:
    fleet = moving()
    fleet.slow.add("b")
    fleet.machines["c"] = machine("c", running=())
    found = fleet.beat(Pace().patience + 1.0)
    assert set(found.history.shunned) == {("b", "x")}
    assert fleet.rounds() <= 1
    assert fleet.running("x") == {"a"}


def test_what_is_named_twice_is_run_once() -> None:
    found = assign([machine("a", current=("x", "x"))], Catalogue((service("x"),)))
    assert found.services == {"a": ("x",)}
    assert found.moves == ()
    gone = assign([machine("a", current=("gone", "gone"))], Catalogue(()))
    assert [(move.action, move.service) for move in gone.moves] == [("stop", "gone")]


def late(**source: object) -> Fleet:
    """Return a fleet in which a hands x over to b, which has had time enough; c is to run it as well."""
    machines = [machine("a", current=("x", "ocr")), machine("b", current=("x",)), machine("c", current=("x",))]
    fleet = Fleet(machines, service("x"), service("ocr", replicas=1), most=1)
    fleet.change("a", **source)
    fleet.change("c", running=())
    begun = fleet.now - Pace().patience
    fleet.history = History(handovers={("a", "x"): Handover("x", "a", "b", begun, "ocr had no other place")})
    return fleet


def test_who_runs_what_it_took_over_keeps_it_though_another_one_is_late() -> None:
    fleet = late()
    found = fleet.carry_out()
    assert (found.moves, found.history.shunned) == ((), {})
    assert [(one.source, one.reason) for one in found.handovers] == [("a", "ocr had no other place")]
    fleet.change("c", running=("x",))
    (stop,) = fleet.carry_out().moves
    assert (stop.worker_id, stop.action, stop.reason) == ("a", "stop", "ocr had no other place")


def test_who_may_not_run_it_any_more_does_not_get_it_back() -> None:
    fleet = late(unwanted=("x",))
    fleet.change("b", running=())
    found = fleet.carry_out()
    assert (where(found, "x"), found.history.shunned) == ({"b", "c"}, {})
