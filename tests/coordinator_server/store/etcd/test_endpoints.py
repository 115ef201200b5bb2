"""Whom of the members is asked: one as long as it works, another when it fails, and again the first one later."""

from __future__ import annotations

import random

from coordinator_server.store.etcd.endpoints import REST, Endpoints


def test_one_is_asked_as_long_as_it_works() -> None:
    endpoints = Endpoints(["a", "b", "c"], random.Random(1))
    first = endpoints.pick(0.0)
    assert [endpoints.pick(float(now)) for now in range(3)] == [first] * 3


def test_who_fails_rests_and_is_asked_last_afterwards() -> None:
    endpoints = Endpoints(["a", "b", "c"], random.Random(1))
    order = []
    for _ in range(3):
        order.append(endpoints.pick(0.0))
        endpoints.failed(order[-1], 0.0)
    assert sorted(order) == ["a", "b", "c"]
    assert endpoints.pick(0.0) in order, "where all rest, somebody is asked all the same"
    assert endpoints.pick(REST) == order[0], "whoever has rested for longest is first in the row"
    endpoints.worked(order[2])
    assert endpoints.pick(0.0) == order[2]


def test_not_everybody_asks_the_same_one() -> None:
    first = {Endpoints(["a", "b", "c"], random.Random(seed)).pick(0.0) for seed in range(50)}
    assert first == {"a", "b", "c"}


def test_another_can_be_asked_without_blame() -> None:
    endpoints = Endpoints(["a", "b"], random.Random(1))
    first = endpoints.pick(0.0)
    endpoints.pass_on(first)
    assert endpoints.pick(0.0) != first
    endpoints.pass_on(first)
    assert endpoints.pick(0.0) != first, "it is not the first one any more"
