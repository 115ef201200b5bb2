"""Every service gets its places where there is any way, and nobody is moved where there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator_server.registry.assignment import assign
from node.wire.manifests import Catalogue, Requirements
from tests.support.fleets import GIB, Fleet, machine, service

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
