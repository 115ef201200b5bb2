from __future__ import annotations

import itertools
import random

import msgspec
import pytest

from node.routing.retry import RetryBudget, backoff, may_retry, repeatable
from node.wire.manifests import Manifest

ONCE = Manifest(name="s", title="")
AGAIN = msgspec.structs.replace(ONCE, idempotent=True)


@pytest.mark.parametrize(
    ("method", "key", "manifest", "expected"),
    [
        ("GET", "", ONCE, True),
        ("PUT", "", ONCE, True),
        ("DELETE", "", ONCE, True),
        ("POST", "", ONCE, False),
        ("PATCH", "", ONCE, False),
        ("POST", "k", ONCE, True),
        ("POST", "", AGAIN, True),
    ],
)
def test_what_may_be_executed_twice(method: str, key: str, manifest: Manifest, expected: bool) -> None:
    assert repeatable(method, key, manifest) is expected


def test_another_worker_is_asked_only_where_it_does_no_harm() -> None:
    for executed, again, replayable, attempts in itertools.product(
        (False, True), (False, True), (False, True), (1, 2, 3)
    ):
        allowed = may_retry(executed=executed, repeatable=again, replayable=replayable, attempts=attempts, most=3)
        assert allowed == (attempts < 3 and replayable and (again or not executed))


def test_the_pause_has_full_jitter_and_doubles_up_to_its_cap() -> None:
    rng = random.Random(1)
    first = [backoff(1, 0.05, 1.0, rng) for _ in range(2000)]
    third = [backoff(3, 0.05, 1.0, rng) for _ in range(2000)]
    late = [backoff(30, 0.05, 1.0, rng) for _ in range(2000)]
    assert 0 <= min(first) < 0.005
    assert 0.045 < max(first) <= 0.05
    assert 0.18 < max(third) <= 0.2
    assert 0.9 < max(late) <= 1.0


def test_in_a_storm_retries_are_a_fifth_of_the_requests() -> None:
    budget = RetryBudget(share=0.2, floor_per_second=0.0, capacity=100.0)
    while budget.take(0.0):
        pass
    granted = 0
    for _ in range(1000):
        budget.request(0.0)
        granted += budget.take(0.0)
    assert granted == pytest.approx(200, abs=2)


def test_a_trickle_of_retries_is_always_there() -> None:
    budget = RetryBudget(floor_per_second=5.0)
    while budget.take(0.0):
        pass
    assert not budget.take(0.1)
    assert [budget.take(1.0) for _ in range(6)] == [True] * 5 + [False]


def test_saved_retries_are_capped() -> None:
    budget = RetryBudget(capacity=10.0)
    for second in range(1000):
        budget.request(float(second))
    assert sum(budget.take(999.0) for _ in range(100)) == 10
