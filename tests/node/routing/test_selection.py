from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.routing.candidates import Candidate
from node.routing.ranking import Ranking, Wanted
from node.routing.selection import Selector, Turns, chances, pick_of_few, weighted_chances
from node.routing.settings import Policy

ANYBODY = Wanted(frozenset(), {}, 4)


def workers(*loads: float) -> list[Candidate]:
    return [Candidate(f"w{number}", (), load) for number, load in enumerate(loads, 1)]


def weighted(candidates: list[Candidate], count: int) -> Counter[str]:
    """Let the weighted policy pick so many times."""
    selector, ranking = Selector("weighted", random.Random(7)), Ranking(candidates)
    picked = (selector.pick("s", ranking, ANYBODY) for _ in range(count))
    return Counter(item.worker_id for item in picked if item is not None)


def test_loads_of_20_50_and_80_percent_share_the_requests_50_30_20() -> None:
    picked = weighted(workers(0.8, 0.2, 0.5), 100_000)
    assert picked["w2"] / 100_000 == pytest.approx(0.50, abs=0.02)
    assert picked["w3"] / 100_000 == pytest.approx(0.30, abs=0.02)
    assert picked["w1"] / 100_000 == pytest.approx(0.20, abs=0.02)


class Grid(random.Random):
    """Says these numbers in turn, in place of random ones."""

    def __init__(self, *numbers: float) -> None:
        super().__init__()
        self.numbers = iter(numbers)

    def random(self) -> float:
        return next(self.numbers)


@given(
    st.lists(st.sampled_from([0.0, 0.0, 0.2, 0.5, 1.0]), min_size=1, max_size=6),
    st.dictionaries(st.sampled_from(["w1", "w2", "w3"]), st.integers(1, 5)),
)
def test_few_candidates_have_the_chances_that_are_told(loads: list[float], busy: dict[str, int]) -> None:
    wanted, ranking = Wanted(frozenset({"w6"}), busy, 4), Ranking(workers(*loads))
    found = ranking.few_by_step(wanted)
    told = chances("weighted", ranking.eligible(wanted), wanted, "")
    if not found:  # nobody has room, which is another case
        assert all(wanted.ours(item) >= 4 for item in ranking.eligible(wanted))
        return
    picked = Counter(
        pick_of_few(found, Grid((rank + 0.5) / 10, (turn + 0.5) / 60)).worker_id
        for rank in range(10)
        for turn in range(60)
    )
    assert set(picked) == set(told)
    if len(found) >= 3:  # so that ten ranks are the weights
        assert {name: count / 600 for name, count in picked.items()} == pytest.approx(told)


def test_only_the_three_least_loaded_are_picked() -> None:
    assert set(weighted(workers(0.9, 0.1, 0.8, 0.3, 0.5), 1000)) == {"w2", "w4", "w5"}


def test_equal_workers_all_get_their_share_over_time() -> None:
    picked = weighted(workers(*[0.0] * 6), 6000)
    assert len(picked) == 6
    assert all(800 < count < 1200 for count in picked.values())


def test_loads_that_differ_by_noise_are_equal() -> None:
    assert set(weighted(workers(0.011, 0.012, 0.013, 0.014, 0.015), 1000)) == {"w1", "w2", "w3", "w4", "w5"}


@pytest.mark.parametrize("count", [1, 2])
def test_fewer_than_three_are_enough(count: int) -> None:
    assert set(weighted(workers(*[0.5] * count), 200)) == {f"w{n + 1}" for n in range(count)}


@pytest.mark.parametrize("policy", ["weighted", "round-robin", "least-outstanding"])
def test_of_nobody_nobody_is_picked(policy: Policy) -> None:
    selector = Selector(policy, random.Random(7))
    assert selector.pick("s", Ranking(), ANYBODY) is None
    assert selector.pick("s", Ranking(workers(0.0)), Wanted({"w1"}, {}, 4)) is None
    assert chances(policy, [], ANYBODY, "") == {}


def test_least_outstanding_takes_who_has_fewest_of_our_requests() -> None:
    selector, ranking = Selector("least-outstanding", random.Random(7)), Ranking(workers(0.0, 0.9, 0.9))
    wanted = Wanted(frozenset(), {"w1": 3, "w2": 1, "w3": 1}, 4)
    picked = {item.worker_id for _ in range(100) if (item := selector.pick("s", ranking, wanted))}
    assert picked == {"w2", "w3"}
    assert chances("least-outstanding", list(ranking), wanted, "") == {"w2": 0.5, "w3": 0.5}


def test_round_robin_goes_round_and_survives_a_worker_that_leaves() -> None:
    turns, candidates = Turns(), workers(0.0, 0.9, 0.5)
    assert [turns.take("s", candidates).worker_id for _ in range(4)] == ["w1", "w2", "w3", "w1"]
    assert [turns.take("s", candidates[::2]).worker_id for _ in range(3)] == ["w3", "w1", "w3"]
    assert turns.take("other", candidates).worker_id == "w1"


def test_the_selector_applies_the_policy_that_was_set() -> None:
    ranking, rng = Ranking(workers(0.9, 0.0)), random.Random(7)
    wanted = Wanted(frozenset(), {"w2": 3}, 8)

    def pick(selector: Selector) -> str:
        picked = selector.pick("s", ranking, wanted)
        assert picked is not None
        return picked.worker_id

    assert pick(Selector("least-outstanding", rng)) == "w1"
    turns = Selector("round-robin", rng)
    assert [pick(turns) for _ in range(3)] == ["w1", "w2", "w1"]
    assert turns.last_turn("s") == "w1"
    shares = Counter(pick(Selector("weighted", rng)) for _ in range(2000))
    assert shares["w2"] > shares["w1"] > 0


def test_asking_for_chances_takes_no_turn() -> None:
    candidates, selector = workers(0.0, 0.5), Selector("round-robin", random.Random(7))
    for _ in range(3):
        assert chances("round-robin", candidates, ANYBODY, selector.last_turn("s")) == {"w1": 1.0}
    assert selector.pick("s", Ranking(candidates), ANYBODY) == candidates[0]
    assert chances("round-robin", candidates, ANYBODY, selector.last_turn("s")) == {"w2": 1.0}


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([], []),
        ([4], [1.0]),
        ([10, 4], [3 / 8, 5 / 8]),
        ([4, 10, 16], [0.5, 0.3, 0.2]),
        ([16, 4, 10, 20], [0.2, 0.5, 0.3, 0.0]),
        ([0] * 6, [1 / 6] * 6),
        ([0, 0, 5], [0.4, 0.4, 0.2]),
        ([0, 5, 5, 5], [0.5, 1 / 6, 1 / 6, 1 / 6]),
    ],
)
def test_who_shares_a_step_shares_its_weights(steps: list[int], expected: list[float]) -> None:
    assert weighted_chances(steps) == pytest.approx(expected)


@given(st.lists(st.integers(0, 20), min_size=1, max_size=40))
def test_chances_are_a_whole_and_never_favour_the_busier(steps: list[int]) -> None:
    shares = weighted_chances(steps)
    assert sum(shares) == pytest.approx(1.0)
    for step, share in zip(steps, shares, strict=True):
        assert all(share >= other - 1e-12 for at, other in zip(steps, shares, strict=True) if at > step)


@pytest.mark.parametrize("loads", [(0.1, 0.1, 0.4, 0.4, 0.9), (0.2, 0.5), (0.3,) * 5])
def test_the_chances_are_those_of_the_picks(loads: tuple[float, ...]) -> None:
    candidates = workers(*loads)
    picked, promised = weighted(candidates, 20_000), chances("weighted", candidates, ANYBODY, "")
    assert set(picked) == set(promised)
    for worker_id, share in promised.items():
        assert picked[worker_id] / 20_000 == pytest.approx(share, abs=0.02)
