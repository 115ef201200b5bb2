from __future__ import annotations

import random
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from node.routing.candidates import Candidate
from node.routing.ranking import Ranking, Wanted

CONCURRENCY = 4
candidates = st.lists(
    st.builds(
        Candidate, st.sampled_from([f"w{n}" for n in range(30)]), st.just(()), st.floats(0, 1), vetted=st.booleans()
    ),
    unique_by=lambda item: item.worker_id,
    max_size=30,
)
some = st.frozensets(st.sampled_from([f"w{n}" for n in range(30)]))
busy = st.dictionaries(st.sampled_from([f"w{n}" for n in range(30)]), st.integers(1, CONCURRENCY + 2))


def workers(*loads: float) -> list[Candidate]:
    return [Candidate(f"w{number}", (), load) for number, load in enumerate(loads, 1)]


def ids(found: Sequence[Candidate]) -> list[str]:
    return [item.worker_id for item in found]


def test_the_least_loaded_come_in_order_of_load() -> None:
    ranking = Ranking(workers(0.9, 0.1, 0.5, 0.3))
    found = ranking.least_loaded(3, Wanted(frozenset(), {}, 4), random.Random(7))
    assert [item.load for item in found] == [0.1, 0.3, 0.5]


def test_what_we_gave_out_ourselves_counts_where_it_is_more_than_was_told() -> None:
    ranking = Ranking(workers(0.0, 0.2, 0.4))
    found = ranking.least_loaded(3, Wanted(frozenset(), {"w1": 3, "w3": 1}, 4), random.Random(7))
    assert ids(found) == ["w2", "w3", "w1"]


def test_a_full_worker_is_taken_only_where_nobody_has_room() -> None:
    ranking = Ranking(workers(0.0, 1.0))
    full = Wanted(frozenset(), {"w1": 4}, 4)
    assert ids(ranking.least_loaded(3, full, random.Random(7))) == ids(ranking.eligible(full)) == ["w2"]
    fuller = Wanted(frozenset(), {"w1": 4, "w2": 6}, 4)
    assert ids(ranking.least_loaded(3, fuller, random.Random(7))) == ["w1", "w2"]


@given(candidates, some, busy, st.booleans(), st.integers(0, 1000))
def test_it_finds_whom_sorting_all_would_find(
    known: list[Candidate], skip: frozenset[str], ours: dict[str, int], vetted_only: bool, seed: int
) -> None:
    wanted, ranking = Wanted(skip, ours, CONCURRENCY, vetted_only), Ranking(known)
    found = ranking.least_loaded(3, wanted, random.Random(seed))
    eligible = [item for item in known if item.worker_id not in skip and (item.vetted or not vetted_only)]
    eligible = [item for item in eligible if ours.get(item.worker_id, 0) < CONCURRENCY] or eligible
    assert [wanted.step(item) for item in found] == sorted(wanted.step(item) for item in eligible)[:3]
    assert set(found) <= set(eligible)
    assert len({item.worker_id for item in found}) == len(found)
    assert set(ranking.eligible(wanted)) == set(eligible)


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.one_of(st.none(), st.floats(0, 1))), max_size=40),
)
def test_it_stays_in_order_while_workers_come_change_and_go(changes: list[tuple[str, float | None]]) -> None:
    ranking, expected = Ranking(), dict[str, Candidate]()
    for worker_id, load in changes:
        if load is None:
            assert ranking.remove(worker_id) == expected.pop(worker_id, None)
        else:
            expected[worker_id] = Candidate(worker_id, (), load)
            ranking.put(expected[worker_id])
    assert {item.worker_id: item for item in ranking} == expected
    assert len(ranking) == len(expected)
    found = ranking.least_loaded(6, Wanted(frozenset(), {}, 4), random.Random(1))
    assert sorted(ids(found)) == sorted(expected)
    assert all(ranking.get(worker_id) == item for worker_id, item in expected.items())


def test_of_equals_each_comes_first_now_and_then() -> None:
    ranking, rng = Ranking(workers(*[0.3] * 30)), random.Random(7)
    first = {ranking.least_loaded(3, Wanted(frozenset(), {}, 4), rng)[0].worker_id for _ in range(1000)}
    assert len(first) == 30


def test_a_put_takes_the_place_of_what_was_known() -> None:
    ranking = Ranking(workers(0.1, 0.2))
    ranking.put(replace(workers(0.1)[0], load=0.9))
    assert ids(ranking.least_loaded(1, Wanted(frozenset(), {}, 4), random.Random(1))) == ["w2"]
    assert len(ranking) == 2
