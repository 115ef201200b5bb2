"""The bucket: whatever is asked of it and when, no more goes than its rate and one burst."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from node.forwarding.bandwidth.bucket import BURST, Bucket

STEPS = st.lists(st.tuples(st.floats(0, 10), st.integers(0, 10_000)), max_size=60)


@given(st.integers(1, 10_000), STEPS)
def test_over_any_time_no_more_goes_than_rate_and_burst_and_one_piece(
    rate: int, steps: list[tuple[float, int]]
) -> None:
    bucket, now, gone = Bucket(), 0.0, 0
    bucket.change(rate, now)
    largest = 0
    for pause, size in steps:
        now += pause
        if bucket.open(now):
            bucket.spend(size, now)
            gone += size
            largest = max(largest, size)
        assert gone <= rate * (now + BURST) + largest + 1


@given(st.integers(1, 10_000), st.integers(0, 100_000))
def test_a_debt_is_paid_after_the_time_that_is_told(rate: int, size: int) -> None:
    bucket = Bucket()
    bucket.change(rate, 5.0)
    bucket.spend(size, 5.0)
    wait = bucket.wait(5.0)
    assert bucket.open(5.0 + wait + 0.001)
    if wait > 0.01:
        assert not bucket.open(5.0 + wait - 0.005)


def test_without_a_rate_everything_goes_and_nothing_is_owed_later() -> None:
    bucket = Bucket()
    bucket.spend(10**9, 0.0)
    assert bucket.open(0.0)
    assert bucket.wait(0.0) == 0
    bucket.change(1000, 0.0)
    assert bucket.open(0.0)
    bucket.spend(2000, 0.0)
    assert bucket.wait(0.0) == 2.0
    bucket.change(4000, 0.0)
    assert bucket.wait(0.0) == 0.5
    bucket.change(None, 0.0)
    assert bucket.open(0.0)


def test_a_clock_that_goes_back_gives_nothing_away() -> None:
    bucket = Bucket()
    bucket.change(1000, 100.0)
    bucket.spend(1000, 100.0)
    assert bucket.level(50.0) == -1000
