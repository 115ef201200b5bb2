"""The formula by which coordinators are chosen, and draws by it."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest

from node.routing.weighing import drawn, weight


def test_near_idle_and_healthy_ones_weigh_most() -> None:
    assert weight(0, 0) == 1.0
    assert weight(9, 0) == pytest.approx(0.1)
    assert weight(0, 4) == pytest.approx(0.2)
    assert weight(9, 4) == pytest.approx(0.02)
    assert weight(0, 0, healthy=False) == 0.0
    assert weight(-1, -1) == 1.0
    for latency, queue in itertools.product((0, 1, 10, 1000), (0, 1, 100)):
        assert weight(latency + 1, queue) < weight(latency, queue) > weight(latency, queue + 1) > 0


def test_each_is_drawn_as_often_as_it_weighs() -> None:
    draws = [number / 1000 for number in range(1000)]
    assert Counter(drawn([5, 0, 3, 2], draw) for draw in draws) == {0: 500, 2: 300, 3: 200}
    assert {drawn([1], draw) for draw in draws} == {0}


def test_rounding_never_draws_what_weighs_nothing() -> None:
    assert drawn([0.1] * 10 + [0.0], 1.0) == 9
    assert drawn([0.0, 0.0], 0.5) == 0
