"""Who would be the best to get more, as long as things are given and after something was taken."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator_server.registry.board import Board
from coordinator_server.registry.machines import Machine
from coordinator_server.registry.plans import History
from node.wire.manifests import Catalogue
from tests.support.fleets import machine, service

X, Y = service("x"), service("y")


def board(machines: Sequence[Machine], history: History | None = None, overloaded: Sequence[str] = ()) -> Board:
    return Board(machines, Catalogue((X, Y)), 16, history or History(), overloaded)


def test_another_household_is_worth_some_more_services_and_not_any_number() -> None:
    here, neighbour, far = machine("a", site="s"), machine("b", site="s"), machine("c", site="t")
    found = board([here, neighbour, far])
    found.give(here, X)
    found.give(far, Y)
    assert found.best(X) is far
    found = board([here, neighbour, machine("c", site="t", resting="is paused")])
    found.give(here, X)
    assert found.best(X) is neighbour, "better two in one household than one alone"


def test_another_owner_is_worth_something_where_the_household_is_not_known() -> None:
    one, two, other = machine("a", owner="o"), machine("b", owner="o"), machine("c", owner="p")
    found = board([one, two, other])
    found.give(one, X)
    found.give(other, Y)
    assert found.best(X) is other
    nobodys = [machine(name) for name in "ab"]
    found = board(nobodys)
    found.give(nobodys[0], X)
    assert found.best(X) is nobodys[1]


def test_who_is_overloaded_or_where_it_failed_comes_last() -> None:
    machines = [machine("a"), machine("b"), machine("c", load=0.9)]
    history = History(shunned={("b", "x"): 10.0})
    assert board(machines, history, ["a"]).best(X) is machines[2]
    assert board(machines[:2], history, ["a"]).best(X) is machines[0]
    assert board(machines[1:2], history).best(X) is machines[1]
    assert board(machines[1:2], history).place_for(X) is None


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from([X, Y]), st.booleans()), max_size=20))
def test_the_best_is_the_least_burdened_after_whatever_was_given_and_taken(
    steps: list[tuple[str, object, bool]],
) -> None:
    machines = [
        machine(name, site=(name in "ab" and "s") or name, owner="o" if name < "d" else "p") for name in "abcdef"
    ]
    found = board(machines)
    for name, manifest, taking in steps:
        one = found.by_id[name]
        holds = name in found.holders[manifest.name]  # type: ignore[attr-defined]  # one of two manifests
        if taking and holds:
            found.take(one, manifest, "why")  # type: ignore[arg-type]
        elif not taking and not holds:
            found.give(one, manifest)  # type: ignore[arg-type]
        for asked in (X, Y):
            roomy = [m for m in machines if found.has_room(m, asked)]
            best = min(roomy, key=lambda m: found.burden(m, asked), default=None)
            assert found.best(asked) is best


def test_who_gets_a_service_back_hands_it_over_to_nobody() -> None:
    one, other = machine("a"), machine("b")
    found = board([one, other])
    found.give(one, X)
    found.take(one, X, "b is idle", other)
    assert found.targets == {("a", "x"): "b"}
    found.give(one, X)
    assert found.targets == {}


def test_rather_who_does_not_run_a_service_yet_is_waited_for() -> None:
    machines = [
        machine(name, current=("x",), running=runs) for name, runs in (("a", ("x",)), ("b", ()), ("c", ("x",)))
    ]
    found = board(machines)
    for one in machines:
        found.give(one, X)
    assert found.who_else(machines[2], X) is machines[1]
    assert found.who_else(machines[1], X) is machines[0]
