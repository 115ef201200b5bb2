"""Every service gets its places where there is any way, and nobody is moved where there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator_server.registry.assignment import assign
from coordinator_server.registry.board import Board
from coordinator_server.registry.filling import _move
from coordinator_server.registry.plans import History
from node.wire.manifests import Catalogue, Requirements
from tests.support.fleets import GIB, Fleet, machine, service, where

NAMES = "stuvwx"


def matched(able: Mapping[int, Sequence[int]]) -> int:
    """Return how many of these can get a place of their own: Kuhn's augmenting paths, the slow and sure way."""
    place: dict[int, int] = {}

    def find(wanted: int, seen: set[int]) -> bool:
        for one in able[wanted]:
            if one not in seen:
                seen.add(one)
                if one not in place or find(place[one], seen):
                    place[one] = wanted
                    return True
        return False

    return sum(find(wanted, set()) for wanted in able)


@st.composite
def crowds(draw: st.DrawFn) -> tuple[Fleet, list[set[str]], dict[str, int]]:
    """Draw machines that hold one service each, what each may run, what runs there now and what is wanted."""
    wanted = {name: draw(st.integers(1, 3)) for name in draw(st.sets(st.sampled_from(NAMES), min_size=1))}
    allowed = [draw(st.sets(st.sampled_from(sorted(wanted)), min_size=1)) for _ in range(draw(st.integers(1, 7)))]
    machines = [
        machine(
            f"m{number}",
            allowed_services=tuple(sorted(names)),
            current=tuple(draw(st.sets(st.sampled_from(sorted(names)), max_size=1))),
            site=draw(st.sampled_from(["", "s", "t"])),
        )
        for number, names in enumerate(allowed)
    ]
    return Fleet(machines, *(service(n, replicas=k) for n, k in wanted.items()), most=1), allowed, wanted


@settings(max_examples=150, deadline=None)
@given(crowds())
def test_as_many_places_are_filled_as_the_best_matching_fills(
    drawn: tuple[Fleet, list[set[str]], dict[str, int]],
) -> None:
    fleet, allowed, wanted = drawn
    fleet.settle()
    runs = {name: len(fleet.running(name)) for name in wanted}

    def able(name: str) -> list[int]:
        return [number for number, names in enumerate(allowed) if name in names]

    each = [name for name, count in wanted.items() for _ in range(count)]
    served = sum(count > 0 for count in runs.values())
    assert served == matched({n: able(name) for n, name in enumerate(wanted)}), "no gap that could be filled"
    filled = sum(min(count, wanted[name]) for name, count in runs.items())
    assert filled == matched({n: able(name) for n, name in enumerate(each)}), "nor a place"


def test_a_long_chain_moves_one_after_another_without_a_gap() -> None:
    names = [f"s{n}" for n in range(6)]
    machines = [
        machine(f"m{n}", allowed_services=tuple(names[max(0, n - 1) : n + 1]), current=tuple(names[n - 1 : n]))
        for n in range(1, 7)
    ]
    machines[0] = machine("m1", allowed_services=("new", "s0"), current=("s0",))
    for n in range(2, 7):
        machines[n - 1] = machine(
            f"m{n}", allowed_services=(f"s{n - 2}", f"s{n - 1}"), current=(f"s{n - 1}",) if n < 6 else ()
        )
    fleet = Fleet(machines, *(service(name, replicas=1) for name in ["new", *names[:5]]), most=1)
    running = [name for name in names[:5] if fleet.running(name)]
    fleet.carry_out()
    for _ in range(20):
        assert all(fleet.running(name) for name in running)
        fleet.beat()
    assert fleet.running("new") == {"m1"}


def test_one_that_holds_several_gives_up_as_many_as_are_needed() -> None:
    small = [service(name, requirements=Requirements(ram_bytes=2 * GIB)) for name in ("x", "y", "z")]
    big = service("big", replicas=1, requirements=Requirements(ram_bytes=6 * GIB), tier="storage")
    every = ("x", "y", "z")
    fleet = Fleet([machine("a", current=every, worker_type="storage"), machine("b", current=every)], *small, big)
    fleet.settle()
    assert fleet.running("big") == {"a"}
    assert all(fleet.running(name) >= {"b"} for name in every)


def test_no_place_is_taken_from_what_is_not_more_than_wanted() -> None:
    found = assign(
        [machine("a", current=("x",)), machine("b", current=("x",))],
        Catalogue((service("x", replicas=2), service("y", replicas=2))),
        most=1,
    )
    assert sorted(services[0] for services in found.services.values()) == ["x", "y"], "one each, and no more"


def fleet_of(*holders: str, most: int = 1, **wanted: int) -> Fleet:
    """Return machines a, b, … that run what the words say, and services of which so many are wanted."""
    machines = [machine(name, current=tuple(holder)) for name, holder in zip("abcdefgh", holders, strict=False)]
    return Fleet(machines, *(service(name, replicas=count) for name, count in wanted.items()), most=most)


def moves(fleet: Fleet) -> list[str]:
    return [f"{move.worker_id} {move.action} {move.service}" for move in fleet.plan().moves]


def test_what_nobody_runs_comes_first_and_nothing_moves_for_that() -> None:
    assert moves(fleet_of("x", "", x=2, y=1)) == ["b start y"]


def test_then_comes_what_lacks_the_most() -> None:
    assert moves(fleet_of("x", "y", "", x=2, y=3)) == ["c start y"]


def test_a_place_comes_from_what_has_more_than_wanted_and_from_nothing_else() -> None:
    assert moves(fleet_of("x", "x", "x", "y", x=2, y=2))[0] in {"a stop x", "b stop x", "c stop x"}
    assert moves(fleet_of("x", "x", "y", x=2, y=2)) == [], "both are as short with it as without"
    assert moves(fleet_of("x", "x", "x", x=2)) == [], "and what is more than wanted stays where it is"


def test_an_idle_machine_gets_what_has_the_fewest_replicas_for_what_is_wanted() -> None:
    assert moves(fleet_of("x", "x", "x", "y", "y", "y", "y", "", x=2, y=4)) == ["h start y"]


def test_what_a_volunteer_named_is_run_once_where_it_keeps_data() -> None:
    named = [machine(name, allowed_services=("x",)) for name in "ab"]
    assert len(where(Fleet(named, service("x", replicas=1)).settle(), "x")) == 1


def test_who_is_to_rest_from_something_gets_no_more_of_it_than_is_needed() -> None:
    for kind in ("overloaded", "shunned"):
        fleet = fleet_of("x", "x", "", x=2)
        since = {"c": 0.0} if kind == "overloaded" else {}
        fleet.history = History(overloaded=since, shunned={("c", "x"): 9e9} if kind == "shunned" else {})
        fleet.change("c", load=1.0)
        assert moves(fleet) == []
        fleet.history = History()
        assert moves(fleet) == ["c start x"]


def test_the_way_may_lead_over_somebodys_second_replica() -> None:
    only = {"a": ("y", "v"), "b": ("v", "x"), "c": ("x",)}
    holds = {"a": ("v",), "b": ("x",), "c": ("x",)}
    machines = [machine(name, allowed_services=only[name], current=holds[name]) for name in only]
    fleet = Fleet(machines, service("x"), service("v", replicas=1), service("y", replicas=1), most=1)
    assert fleet.settle().shortages[0].service == "x"
    assert [fleet.running(name) for name in "yvx"] == [{"a"}, {"b"}, {"c"}]


def test_the_shortest_way_is_taken() -> None:
    only = {
        "m": ("y", "v1", "v2"),
        "p1": ("v1", "u1"),
        "p2": ("v2", "u2"),
        "q1": ("u1",),
        "q2": ("u2", "t2"),
        "r": ("t2",),
    }
    holds = {"m": ("v1", "v2"), "p1": ("u1",), "p2": ("u2",), "q2": ("t2",)}
    most = {"m": 6 * GIB}
    needs = Requirements(ram_bytes=2 * GIB)
    machines = [
        machine(name, allowed_services=only[name], current=holds.get(name, ()), ram_bytes=most.get(name, 2 * GIB))
        for name in only
    ]
    names = ("y", "v1", "v2", "u1", "u2", "t2")
    fleet = Fleet(machines, *(service(name, replicas=1, requirements=needs) for name in names))
    fleet.settle()
    assert [fleet.running(name) for name in names] == [{"m"}, {"p1"}, {"m"}, {"q1"}, {"p2"}, {"q2"}]


def test_what_would_not_make_room_by_itself_is_not_given_up() -> None:
    small, big, wanted = (Requirements(ram_bytes=n * GIB // 2) for n in (1, 10, 8))
    machines = [
        machine("a", current=("small", "big")),
        machine("b", current=("small",), allowed_services=("small", "big")),
        machine("c", current=("small",), allowed_services=("small",)),
    ]
    manifests = [
        service("small", requirements=small),
        service("big", replicas=1, requirements=big),
        service("y", replicas=1, requirements=wanted),
    ]
    fleet = Fleet(machines, *manifests)
    fleet.settle()
    assert [fleet.running(name) for name in ("y", "big", "small")] == [{"a"}, {"b"}, {"a", "b", "c"}]


def test_of_several_as_few_are_given_up_as_possible_and_those_with_the_most_replicas_first() -> None:
    two, four = Requirements(ram_bytes=2 * GIB), Requirements(ram_bytes=4 * GIB)
    small = [service(name, requirements=two) for name in ("x", "y", "z")]
    big = service("big", replicas=1, requirements=four, tier="storage")
    every = ("x", "y", "z")
    machines = [
        machine("a", current=every, worker_type="storage"),
        machine("b", current=every),
        machine("c", current=("x",), ram_bytes=2 * GIB),
    ]
    fleet = Fleet(machines, *small, big)
    found = fleet.settle()
    assert set(found.services["a"]) == {"big", "y"}


def test_of_several_that_make_room_what_still_fits_stays() -> None:
    two, six = Requirements(ram_bytes=2 * GIB), Requirements(ram_bytes=6 * GIB)
    small = [service("x", requirements=two), service("y", requirements=two)]
    big = service("big", replicas=1, requirements=six, tier="storage")
    for wanted, every in ((1, ("x", "y")), (2, ("x", "y", "z"))):
        machines = [
            machine("a", current=("x", "y", "z"), worker_type="storage"),
            machine("b", current=every, allowed_services=every),
            machine("c", allowed_services=("z",)),
        ]
        fleet = Fleet(machines, *small, service("z", replicas=wanted), big)
        assert moves(fleet)[:3] == ["a stop x", "a stop y", "a start big"]
        fleet.settle()
        assert "a" in fleet.running("z"), "whether it was to go to another machine, or is on one more"


def test_of_those_that_could_make_room_it_is_who_has_the_least_to_do() -> None:
    small = [service(name, requirements=Requirements(ram_bytes=2 * GIB)) for name in ("x", "y", "z")]
    big = service("big", replicas=1, requirements=Requirements(ram_bytes=6 * GIB), tier="storage")
    every = ("x", "y", "z")
    machines = [
        machine("a", current=(*every, "w"), worker_type="storage"),
        machine("b", current=every, worker_type="storage"),
    ]
    fleet = Fleet(machines, *small, big, service("w", replicas=1))
    fleet.settle()
    assert fleet.running("big") == {"b"}


def test_a_way_that_leads_back_moves_nothing() -> None:
    two, three, five = (Requirements(ram_bytes=n * GIB) for n in (2, 3, 5))
    machines = [
        machine("a", current=("v",), allowed_services=("y", "v", "u")),
        machine("b", current=("u",), allowed_services=("v", "u"), ram_bytes=4 * GIB),
        machine("c", current=("y",), allowed_services=("y",)),
    ]
    manifests = [service("y", requirements=five), service("v", replicas=1, requirements=three)]
    found = Fleet(machines, *manifests, service("u", replicas=1, requirements=two)).plan()
    assert found.moves == ()
    assert [short.service for short in found.shortages] == ["y"]


def test_what_moved_may_leave_a_place_for_what_had_none() -> None:
    def ram(tenths: int) -> Requirements:
        return Requirements(ram_bytes=tenths * GIB // 10)

    machines = [
        machine("m1", current=("y", "z"), allowed_services=("a", "b", "y", "z")),
        machine("m2", current=("y",), allowed_services=("y",)),
        machine("m3", current=("w",), allowed_services=("z", "w"), ram_bytes=GIB),
        machine("m4", allowed_services=("w",), ram_bytes=GIB),
    ]
    manifests = [service(name, replicas=1, requirements=ram(10)) for name in ("w", "z")]
    manifests += [service("a", replicas=1, requirements=ram(60)), service("b", replicas=1, requirements=ram(1))]
    fleet = Fleet(machines, *manifests, service("y", requirements=ram(10)), most=2)
    first = fleet.carry_out()
    assert {"a", "b"} <= {move.service for move in (*first.moves, *first.waiting)}, "at once"
    fleet.settle()
    assert [fleet.running(name) for name in "abzwy"] == [{"m1"}, {"m1"}, {"m3"}, {"m4"}, {"m2"}]


def test_while_a_chain_waits_planning_again_looks_for_no_other_one() -> None:
    needs = service("s1", requirements=Requirements(ram_bytes=GIB))
    fleet = Fleet(
        [machine("a", current=("s3", "s4")), machine("b", current=("s1", "s2"))],
        needs,
        *(service(f"s{number}") for number in range(2, 6)),
        most=2,
    )
    fleet.machines["c"] = machine("c", ram_bytes=0, allowed_services=("s1", "s2", "s5"), running=())
    fleet.carry_out()
    assert len(fleet.last.waiting) == 2, "a waits for b, which waits for c"
    assert fleet.rounds() == 0


def test_what_is_taken_back_is_as_it_was_with_its_reason() -> None:
    one, other = machine("a"), machine("b")
    x = service("x")
    board = Board([one, other], Catalogue((x,)), 16, History())
    board.give(one, x, "nobody ran it")
    board.targets["b", "x"] = "a"
    undo = _move(board, one, x, other, "y had no other place")
    assert board.why("b", "x") == "its machine a was needed: y had no other place"
    assert set(board.holders["x"]) == {"b"}
    assert board.targets == {("a", "x"): "b"}
    undo()
    assert board.targets == {("b", "x"): "a"}, "what b was handing over goes on to be"
    assert (set(board.holders["x"]), board.held["b"]) == ({"a"}, [])
    assert (board.why("a", "x"), board.why("b", "x")) == ("nobody ran it", "")


def test_who_gives_up_a_second_replica_hands_it_to_who_has_not_started_it_yet() -> None:
    machines = [machine("a", current=("x",)), machine("b", current=("x",), allowed_services=("x",))]
    fleet = Fleet(machines, service("x"), service("y", replicas=1), most=1)
    fleet.change("b", running=())
    (handover,) = fleet.carry_out().handovers
    assert (handover.service, handover.source, handover.target) == ("x", "a", "b")
