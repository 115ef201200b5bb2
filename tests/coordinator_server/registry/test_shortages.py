"""What is missing is told with its reason."""

from __future__ import annotations

from coordinator_server.registry.assignment import assign
from node.wire.manifests import Catalogue, Requirements
from tests.support.fleets import GIB, Fleet, machine, service


def test_it_says_that_all_run_it_or_are_full() -> None:
    (shortage,) = assign([machine("a")], Catalogue((service("x", replicas=3),))).shortages
    assert (shortage.assigned, shortage.wanted) == (1, 3)
    assert shortage.reason == "Every machine that is here was given it: for more of them, more have to join."
    full = assign([machine("a")], Catalogue((service("x"), service("y"))), most=1).shortages
    assert {one.service: one.reason for one in full} == {
        "x": "Every machine that is here was given it: for more of them, more have to join.",
        "y": "Reasons: the machine is full (1).",
    }


def test_workers_that_are_expected_back_are_not_said_to_be_here() -> None:
    (shortage,) = assign([machine("a", expected=True)], Catalogue((service("x", replicas=3),))).shortages
    assert shortage.reason == "The workers that are to run it are expected back."


def test_of_what_waits_only_its_own_machines_are_named() -> None:
    machines = [machine(name, current=(f"{name}1",), allowed_services=(f"{name}1", f"{name}2")) for name in "ab"]
    machines += [machine(f"{name}-new", allowed_services=(f"{name}1",)) for name in "ab"]
    new = [service(f"{name}2", replicas=1, requirements=Requirements(ram_bytes=GIB)) for name in "ab"]
    fleet = Fleet(machines, *(service(f"{name}1", replicas=1) for name in "ab"), *new, most=1)
    told = {one.service: (one.assigned, one.reason) for one in fleet.carry_out().shortages}
    text = "It starts as soon as its machine has handed something else over: "
    assert told == {"a2": (0, f"{text}a."), "b2": (0, f"{text}b.")}


def test_the_most_frequent_reason_comes_first_and_of_a_machine_that_rests_only_that() -> None:
    machines = [machine("a", trust="volunteer"), machine("b", resting="is paused", trust="volunteer")]
    machines += [machine("c", resting="is paused")]
    (shortage,) = assign(machines, Catalogue((service("x"),))).shortages
    assert shortage.reason == "Reasons: the machine is paused (2); the machine is not vetted for personal data (1)."
