"""Who runs what: the rules one by one, and what must hold for any mesh."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator_server.registry.assignment import History, Machine, Pace, Plan, assign, plan_again_at, unfit
from coordinator_server.registry.plans import Moved
from node.wire.manifests import Catalogue, Manifest, Requirements
from tests.support.fleets import GIB, Fleet, gpu_machine, machine, service, where


def plan(machines: Sequence[Machine], *manifests: Manifest, most: int = 16) -> Plan:
    return assign(machines, Catalogue(manifests), most)


def again(machines: Sequence[Machine], found: Plan) -> list[Machine]:
    """Return the machines as they are when the plan is carried out."""
    return [
        Machine(**{**{f: getattr(m, f) for f in m.__slots__}, "current": found.services[m.worker_id]})
        for m in machines
    ]


# --- the rules ------------------------------------------------------------------------------------------------


def test_two_machines_run_all_four_services() -> None:
    names = {"document-processing", "ner-extraction", "notes-coa", "rag"}
    found = plan([machine("a"), machine("b")], *(service(name) for name in names))
    assert set(found.services["a"]) == set(found.services["b"]) == names
    assert found.shortages == ()
    assert {move.reason for move in found.moves} == {"nobody ran it", "it has fewer replicas than wanted"}


def test_gaps_come_first() -> None:
    found = plan([machine("a")], service("x", replicas=5), service("y", replicas=1), most=2)
    assert set(found.services["a"]) == {"x", "y"}


def test_then_what_lacks_the_most_and_the_machine_with_the_least() -> None:
    machines = [machine("a", current=("x", "y")), machine("b", current=("x",), load=0.9), machine("c", load=0.1)]
    found = plan(machines, service("x", replicas=3), service("y", replicas=2))
    assert found.services["c"][0] == "x" or "x" in found.services["c"]
    assert where(found, "x") == {"a", "b", "c"}
    assert where(found, "y") == {"a", "b"} or where(found, "y") == {"a", "c"}


def test_equal_machines_share_by_load() -> None:
    found = plan([machine("a", load=0.8), machine("b", load=0.2)], service("x", replicas=1))
    assert where(found, "x") == {"b"}


@pytest.mark.parametrize(
    ("changes", "manifest", "reason"),
    [
        ({"allowed_services": ("other",)}, {}, "not allowed to by its volunteer"),
        ({"covered": ("other",)}, {}, "invite for other services"),
        ({"trust": "volunteer"}, {"data_class": "personal"}, "not vetted for personal data"),
        ({}, {"tier": "gpu"}, "no GPU that can be used"),
        ({}, {"tier": "storage"}, "no 100 GB of free disk space"),
        ({}, {"tier": "edge"}, "no public address"),
        ({}, {"requirements": Requirements(ram_bytes=9 * GIB)}, "too little memory"),
        ({}, {"requirements": Requirements(disk_bytes=99 * GIB)}, "too little free disk"),
        ({}, {"requirements": Requirements(cpu_cores=5)}, "too few CPU cores"),
        ({}, {"requirements": Requirements(gpu_memory_bytes=1)}, "too little GPU memory"),
        ({}, {"runtime": "container"}, "cannot run container services"),
    ],
)
def test_who_may_not_run_a_service_is_told_why(changes: Any, manifest: Any, reason: str) -> None:
    one = machine("a", **changes)
    assert reason in unfit(one, service("x", **manifest))
    found = plan([one], service("x", **manifest))
    assert found.services["a"] == ()
    assert reason in found.shortages[0].reason


def test_who_may_run_it() -> None:
    assert unfit(machine("a", trust="volunteer"), service("x", data_class="public")) == ""
    assert unfit(machine("a", allowed_services=("x",), covered=("x",)), service("x")) == ""
    assert unfit(gpu_machine("a"), service("x", tier="gpu")) == ""
    assert unfit(machine("a", disk_free_bytes=200 * GIB), service("x", tier="storage")) == ""
    assert unfit(machine("a", worker_type="edge"), service("x", tier="edge")) == ""


def test_a_gpu_machine_may_also_get_cpu_services_but_others_first() -> None:
    ocr, ner = service("ocr", tier="gpu"), service("ner", replicas=1)
    found = plan([gpu_machine("a"), machine("b")], ocr, ner)
    assert (where(found, "ocr"), where(found, "ner")) == ({"a"}, {"b"})
    assert plan([gpu_machine("a")], ocr, ner).services["a"] == ("ner", "ocr")


def test_what_runs_stays_also_when_another_machine_would_now_be_chosen() -> None:
    machines = [machine("a", current=("x",), load=1.0), machine("b")]
    found = plan(machines, service("x", replicas=1))
    assert where(found, "x") == {"a"}
    assert found.moves == ()


def test_the_space_that_a_service_uses_does_not_count_against_it() -> None:
    big = service("x", tier="storage", requirements=Requirements(disk_bytes=99 * GIB))
    assert where(plan([machine("a", current=("x",), disk_free_bytes=1)], big), "x") == {"a"}


def test_who_rests_is_replaced_at_once() -> None:
    machines = [machine("a", current=("x",), resting="is paused"), machine("b")]
    found = plan(machines, service("x", replicas=1))
    assert where(found, "x") == {"b"}
    stop, start = found.moves
    assert (stop.worker_id, stop.action, stop.reason) == ("a", "stop", "the machine is paused")
    assert (start.worker_id, start.action, start.reason) == ("b", "start", "nobody ran it")


def test_what_a_volunteer_does_not_want_now_goes_to_others_and_nothing_else_does() -> None:
    machines = [machine("a", current=("x", "y"), unwanted=("x",)), machine("b")]
    found = plan(machines, service("x", replicas=1), service("y", replicas=1))
    assert (where(found, "x"), where(found, "y")) == ({"b"}, {"a"})
    assert found.moves[0].reason == "the machine rests by its volunteer's rules"


def test_who_may_not_run_it_any_more_loses_it() -> None:
    found = plan([machine("a", current=("x", "gone"), trust="volunteer")], service("x"))
    assert [(move.service, move.action) for move in found.moves] == [("x", "stop"), ("gone", "stop")]
    assert [move.reason for move in found.moves] == [
        "the machine is not vetted for personal data",
        "it is not in the catalogue any more",
    ]


def test_a_service_that_is_switched_off_stops() -> None:
    found = plan([machine("a", current=("x",))], service("x", replicas=0))
    assert found.services["a"] == ()
    assert found.shortages == ()


def test_a_service_with_a_library_of_its_own_runs_once() -> None:
    library = service("x", replicas=1)
    assert len(where(plan([machine("a"), machine("b"), machine("c")], library), "x")) == 1
    both = [machine("a", current=("x",)), machine("b", current=("x",))]
    assert where(plan(both, library), "x") == {"a"}


def test_idle_machines_get_one_service_that_they_can_share() -> None:
    found = plan([machine(name) for name in "abcdef"], service("x"), service("y"))
    assert (len(where(found, "x")), len(where(found, "y"))) == (3, 3)
    assert all(len(services) == 1 for services in found.services.values())


def test_a_machine_runs_all_that_its_volunteer_named() -> None:
    named = [machine(name, allowed_services=("x", "y")) for name in "abc"]
    found = plan(named, service("x"), service("y"), service("z"))
    assert where(found, "x") == where(found, "y") == {"a", "b", "c"}


def test_a_machine_holds_what_its_memory_holds() -> None:
    manifests = [service(f"s{n}", requirements=Requirements(ram_bytes=GIB)) for n in range(9)]
    found = plan([machine("a", ram_bytes=5 * GIB)], *manifests)
    assert len(found.services["a"]) == 4  # four fifths of the memory
    assert len(found.shortages) == 9  # five that nobody runs, four that want another replica
    alone = service("big", requirements=Requirements(ram_bytes=5 * GIB))
    assert plan([machine("a", ram_bytes=5 * GIB)], alone).services["a"] == ("big",)
    assert len(plan([machine("a")], *manifests, most=2).services["a"]) == 2


def test_gpu_memory_is_shared_out_once() -> None:
    manifests = [service(name, tier="gpu", requirements=Requirements(gpu_memory_bytes=8 * GIB)) for name in "xy"]
    assert len(plan([gpu_machine("a")], *manifests).services["a"]) == 1


def test_a_full_machine_gives_up_a_replica_for_what_nobody_runs() -> None:
    full = [machine("a", current=("x",)), machine("b", current=("x",))]
    found = plan(full, service("x"), service("y"), most=1)
    assert (len(where(found, "x")), len(where(found, "y"))) == (1, 1)
    assert "y had no other place" in {move.reason for move in found.moves}


def test_the_last_replica_moves_where_it_can_rather_than_block_another_service() -> None:
    machines = [gpu_machine("a", current=("x",)), machine("b", resting="")]
    fleet = Fleet(machines, service("x", replicas=1), service("ocr", replicas=1, tier="gpu"), most=1)
    first = fleet.carry_out()
    assert where(first, "x") == {"a", "b"}, "it serves on until the other one does"
    assert [(move.worker_id, move.service) for move in first.waiting] == [("a", "ocr")]
    assert "as soon as its machine has handed something else over: a" in first.shortages[0].reason
    found = fleet.beat()
    assert (where(found, "ocr"), where(found, "x")) == ({"a"}, {"b"})


def test_the_last_replica_is_never_given_up() -> None:
    found = plan([gpu_machine("a", current=("x",))], service("x"), service("ocr", tier="gpu"), most=1)
    assert found.services["a"] == ("x",)
    assert {shortage.service for shortage in found.shortages} == {"x", "ocr"}


def test_machines_that_are_expected_back_keep_their_place() -> None:
    gone = machine("a", current=("x", "y"), expected=True, ram_bytes=0)
    needs = Requirements(ram_bytes=GIB)  # what it has is not known
    found = plan([gone, machine("b", current=("x",))], service("x", requirements=needs), service("y", replicas=1))
    assert found.services == {"a": ("x", "y"), "b": ("x",)}
    assert found.moves == ()


def test_nobody_here_is_said() -> None:
    assert plan([], service("x")).shortages[0].reason == "No worker is registered."


def test_the_reason_counts_the_machines() -> None:
    machines = [
        machine("a", resting="is paused"),
        machine("b", resting="is paused"),
        machine("c", trust="volunteer"),
    ]
    text = plan(machines, service("x")).shortages[0].reason
    paused, unvetted = "the machine is paused (2)", "the machine is not vetted for personal data (1)"
    assert text == f"Reasons: {paused}; {unvetted}."


def test_it_is_planned_again_when_something_that_was_put_off_is_due() -> None:
    pace, never = Pace(), float("inf")
    at = plan_again_at
    assert at(History()) == never
    assert at(History(overloaded={"a": 5100.0})) == 5100.0 + pace.sustained
    assert at(History(overloaded={"a": 5100.0}, looked_at=5500.0)) == 5500.0 + pace.retry
    assert at(History(overloaded={"a": 5100.0}, rested={"a": 5400.0})) == 5400.0 + pace.cooldown
    assert at(History(shunned={("a", "x"): 5700.0}, looked_at=5500.0)) == 5700.0
    assert at(History(moved={"x": Moved(1, 5300.0)}, looked_at=5500.0)) == 5300.0 + pace.cooldown
    assert at(History(shunned={("a", "x"): 5700.0}, moved={"x": Moved(1, 5300.0)}, looked_at=6300.0)) == never


def test_a_plan_tells_the_next_one_when_it_was_made() -> None:
    assert assign([], Catalogue(()), now=7.0).history.looked_at == 7.0
    kept = {("a", "x"): 9.0, ("b", "x"): 7.0}
    assert assign([], Catalogue(()), now=7.0, history=History(shunned=kept)).history.shunned == {("a", "x"): 9.0}


def test_what_a_volunteer_named_is_given_for_that_and_not_because_a_machine_is_idle() -> None:
    machines = [machine("a", current=("x", "y")), machine("b", current=("x", "y"))]
    named = machine("c", allowed_services=("x", "y"))
    moves = plan([*machines, named], service("x"), service("y")).moves
    assert {move.reason for move in moves} == {"its volunteer named it"}
    assert plan([*machines, machine("c")], service("x")).moves[-1].reason == "it has nothing else to do"


# --- what always holds ----------------------------------------------------------------------------------------

ROUNDS = 8  # of planning, until all was handed over; at most 3 were seen
NAMES = ["s1", "s2", "s3", "s4", "s5"]
RAM = st.integers(0, 6).map(lambda n: n * GIB)
MANIFESTS = st.builds(
    service,
    st.sampled_from(NAMES),
    replicas=st.integers(0, 4),
    tier=st.sampled_from(["cpu", "gpu"]),
    data_class=st.sampled_from(["public", "personal"]),
    requirements=st.builds(Requirements, ram_bytes=RAM),
)
CATALOGUES = st.lists(MANIFESTS, max_size=5, unique_by=lambda manifest: manifest.name).map(tuple).map(Catalogue)


@st.composite
def machines_of(draw: st.DrawFn) -> list[Machine]:
    found = []
    for number in range(draw(st.integers(0, 7))):
        make = draw(st.sampled_from([machine, gpu_machine]))
        found.append(
            make(
                f"w{number}",
                ram_bytes=draw(RAM),
                allowed_services=tuple(draw(st.sets(st.sampled_from(NAMES), max_size=3))),
                trust=draw(st.sampled_from(["volunteer", "vetted"])),
                current=tuple(draw(st.sets(st.sampled_from(NAMES), max_size=4))),
                load=draw(st.floats(0, 1)),
                resting=draw(st.sampled_from(["", "", "", "is paused"])),
                unwanted=tuple(draw(st.sets(st.sampled_from(NAMES), max_size=1))),
                expected=draw(st.sampled_from([False, False, False, True])),
            )
        )
    return found


def settled(machines: Sequence[Machine], catalogue: Catalogue, most: int) -> list[Machine]:
    """Return the machines when all was handed over: planning again changes nothing then, whatever is remembered."""
    for _ in range(ROUNDS):
        found = assign(machines, catalogue, most)
        if not found.moves:
            assert {one.worker_id: one.current for one in machines} == found.services
            return list(machines)
        machines = again(machines, found)
    raise AssertionError("it never settles")


@settings(max_examples=200, deadline=None)
@given(machines_of(), CATALOGUES, st.integers(1, 4))
def test_plans_that_are_carried_out_soon_change_nothing_more(
    machines: list[Machine], catalogue: Catalogue, most: int
) -> None:
    settled(machines, catalogue, most)


@settings(max_examples=200, deadline=None)
@given(machines_of(), CATALOGUES, st.integers(1, 4), st.data())
def test_load_alone_moves_nothing(
    machines: list[Machine], catalogue: Catalogue, most: int, data: st.DataObject
) -> None:
    busy = [dataclasses.replace(one, load=data.draw(st.floats(0, 1))) for one in settled(machines, catalogue, most)]
    assert assign(busy, catalogue, most).moves == ()


def test_what_waits_for_a_handover_is_told_by_the_next_plan() -> None:
    machines = [machine("a", current=("x",)), machine("b", ram_bytes=0)]
    needs = Requirements(ram_bytes=GIB)
    manifests = service("x", replicas=1), service("y", replicas=1, requirements=needs)
    first = plan(machines, *manifests, most=1)
    assert first.services == {"a": ("x",), "b": ("x",)}
    second = plan(again(machines, first), *manifests, most=1)
    assert second.services == {"a": ("y",), "b": ("x",)}
    third = plan(again(again(machines, first), second), *manifests, most=1)
    assert (third.moves, third.services) == ((), second.services)


@settings(max_examples=200, deadline=None)
@given(machines_of(), CATALOGUES, st.integers(1, 4))
def test_no_gap_while_a_fitting_machine_is_idle(machines: list[Machine], catalogue: Catalogue, most: int) -> None:
    found = assign(machines, catalogue, most)
    for shortage in found.shortages:
        manifest = catalogue.by_name()[shortage.service]
        for one in machines:
            if one.resting or one.expected or found.services[one.worker_id]:
                continue
            assert unfit(one, manifest), f"{one.worker_id} is idle and could run {shortage.service}"


@settings(max_examples=200, deadline=None)
@given(machines_of(), CATALOGUES, st.integers(1, 4))
def test_nobody_is_given_what_it_may_not_run(machines: list[Machine], catalogue: Catalogue, most: int) -> None:
    found = assign(machines, catalogue, most)
    manifests = catalogue.by_name()
    for one in machines:
        services = found.services[one.worker_id]
        assert len(services) == len(set(services))
        if one.resting:
            assert services == ()
        if one.expected:
            assert set(services) <= set(one.current)
            continue
        for name in services:
            assert unfit(one, manifests[name], kept=name in one.current) == ""


@settings(max_examples=200, deadline=None)
@given(machines_of(), CATALOGUES, st.integers(1, 4))
def test_nobody_loses_its_last_replica_for_another_service(
    machines: list[Machine], catalogue: Catalogue, most: int
) -> None:
    found = assign(machines, catalogue, most)
    after = Counter(name for services in found.services.values() for name in services)
    for move in found.moves:
        if move.action == "stop" and move.reason.endswith("had no other place"):
            assert after[move.service] >= 1


@settings(max_examples=200, deadline=None)
@given(machines_of(), CATALOGUES, st.integers(1, 4))
def test_the_order_of_machines_and_manifests_does_not_matter(
    machines: list[Machine], catalogue: Catalogue, most: int
) -> None:
    one = assign(machines, catalogue, most)
    assert assign(list(reversed(machines)), catalogue, most).services == one.services


@settings(max_examples=200, deadline=None)
@given(machines_of(), CATALOGUES)
def test_every_change_has_a_reason(machines: list[Machine], catalogue: Catalogue) -> None:
    found = assign(machines, catalogue)
    assert all(move.reason for move in found.moves)
    assert all(shortage.reason for shortage in found.shortages)
    assert msgspec.json.encode(found.moves)
