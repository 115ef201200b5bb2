from __future__ import annotations

import random
from collections import Counter

import pytest

from node.routing.candidates import Candidate
from node.routing.selection import (
    Selector,
    Turns,
    least_loaded,
    pick_least_outstanding,
    pick_weighted,
    reported_load,
)


def workers(*loads: float) -> list[Candidate]:
    return [Candidate(f"w{number}", (), load) for number, load in enumerate(loads, 1)]


def test_loads_of_20_50_and_80_percent_share_the_requests_50_30_20() -> None:
    rng, candidates = random.Random(7), workers(0.8, 0.2, 0.5)
    picked = Counter(pick_weighted(candidates, rng).worker_id for _ in range(100_000))
    assert picked["w2"] / 100_000 == pytest.approx(0.50, abs=0.02)
    assert picked["w3"] / 100_000 == pytest.approx(0.30, abs=0.02)
    assert picked["w1"] / 100_000 == pytest.approx(0.20, abs=0.02)


def test_only_the_three_least_loaded_are_picked() -> None:
    rng, candidates = random.Random(7), workers(0.9, 0.1, 0.8, 0.3, 0.5)
    assert {pick_weighted(candidates, rng).worker_id for _ in range(1000)} == {"w2", "w4", "w5"}


def test_equal_workers_all_get_their_share_over_time() -> None:
    rng, candidates = random.Random(7), workers(*[0.0] * 6)
    picked = Counter(pick_weighted(candidates, rng).worker_id for _ in range(6000))
    assert len(picked) == 6
    assert all(800 < count < 1200 for count in picked.values())


def test_loads_that_differ_by_noise_are_equal() -> None:
    rng, candidates = random.Random(7), workers(0.011, 0.012, 0.013, 0.014, 0.015)
    assert {pick_weighted(candidates, rng).worker_id for _ in range(1000)} == {"w1", "w2", "w3", "w4", "w5"}


@pytest.mark.parametrize("count", [1, 2])
def test_fewer_than_three_are_enough(count: int) -> None:
    rng, candidates = random.Random(7), workers(*[0.5] * count)
    assert {pick_weighted(candidates, rng).worker_id for _ in range(200)} == {f"w{n + 1}" for n in range(count)}


def test_the_least_loaded_come_in_order_of_load() -> None:
    found = least_loaded(workers(0.9, 0.1, 0.5, 0.3), random.Random(7))
    assert [item.load for item in found] == [0.1, 0.3, 0.5]


def test_least_outstanding_takes_who_has_fewest_of_our_requests() -> None:
    busy = {"w1": 3, "w2": 1, "w3": 1}
    rng, candidates = random.Random(7), workers(0.0, 0.9, 0.9)
    picked = {
        pick_least_outstanding(candidates, lambda item: busy[item.worker_id], rng).worker_id for _ in range(100)
    }
    assert picked == {"w2", "w3"}


def test_round_robin_goes_round_and_survives_a_worker_that_leaves() -> None:
    turns, candidates = Turns(), workers(0.0, 0.9, 0.5)
    assert [turns.pick("s", candidates).worker_id for _ in range(4)] == ["w1", "w2", "w3", "w1"]
    assert [turns.pick("s", candidates[::2]).worker_id for _ in range(3)] == ["w3", "w1", "w3"]
    assert turns.pick("other", candidates).worker_id == "w1"


def test_the_selector_applies_the_policy_that_was_set() -> None:
    candidates, rng = workers(0.9, 0.0), random.Random(7)
    outstanding = {"w1": 0, "w2": 5}

    def pick(selector: Selector) -> str:
        return selector.pick("s", candidates, reported_load, lambda item: outstanding[item.worker_id]).worker_id

    assert pick(Selector("least-outstanding", rng)) == "w1"
    turns = Selector("round-robin", rng)
    assert [pick(turns) for _ in range(3)] == ["w1", "w2", "w1"]
    weighted = Counter(pick(Selector("weighted", rng)) for _ in range(2000))
    assert weighted["w2"] > weighted["w1"] > 0
