"""Samples become as many points as a chart has room for."""

from __future__ import annotations

import pytest

from app.requests.curves import POINTS, Curve, grouped, nice_top
from node.routing.samples import Sample, Series
from tests.support.pasts import series


def test_the_newest_is_at_the_end_and_what_is_missing_is_left_empty() -> None:
    found = grouped(Series(samples=(Sample(requests=2), Sample(requests=3))), "recent")
    sums = found.sums(lambda one: one.requests)
    assert len(sums) == POINTS
    assert sums[-1] == 5.0
    assert set(sums[:-1]) == {None}
    assert (found.seconds, grouped(None, "recent").total) == (2.0, Sample())


def test_a_day_has_as_many_points() -> None:
    found = grouped(series(60.0, 1440), "day")
    assert len(found.groups) == 160
    assert sum(value or 0 for value in found.sums(lambda one: one.requests)) == sum(n % 7 for n in range(1440))


def test_percentiles_are_the_highest_and_rates_are_of_all() -> None:
    quiet, busy = Sample(), Sample(requests=4, hits=3, misses=1, p99=80.0)
    found = grouped(Series(samples=(quiet, busy, quiet, quiet)), "recent")
    assert found.highest(lambda one: one.p99)[-2:] == (80.0, None)
    assert found.hit_rates()[-2:] == (0.75, None)
    assert (found.total.requests, found.total.p99) == (4, 80.0)
    assert Curve("x", "solid", (1.0, None)).last == 1.0


@pytest.mark.parametrize(
    ("highest", "top"), [(0, 1), (1, 1), (1.2, 2), (4, 5), (7, 10), (10, 10), (11, 20), (999, 1000), (0.03, 0.1)]
)
def test_scales_end_at_round_numbers(highest: float, top: float) -> None:
    assert nice_top(highest) == pytest.approx(top)
