"""What is missing is told with its reason."""

from __future__ import annotations

from coordinator_server.registry.assignment import assign
from node.wire.manifests import Catalogue
from tests.support.fleets import machine, service


def test_it_says_that_all_run_it_or_are_full() -> None:
    (shortage,) = assign([machine("a")], Catalogue((service("x", replicas=3),))).shortages
    assert (shortage.assigned, shortage.wanted) == (1, 3)
    assert shortage.reason == "Every worker that is here was given it already."
    full = assign([machine("a")], Catalogue((service("x"), service("y"))), most=1).shortages
    assert {one.service: one.reason for one in full} == {
        "x": "Every worker that is here was given it already.",
        "y": "Reasons: the machine is full (1).",
    }


def test_workers_that_are_expected_back_are_not_said_to_be_here() -> None:
    (shortage,) = assign([machine("a", expected=True)], Catalogue((service("x", replicas=3),))).shortages
    assert shortage.reason == "The workers that are to run it are expected back."
