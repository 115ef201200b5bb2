"""Round trips: the estimates of RFC 6298, and the two times that follow from them."""

from __future__ import annotations

import pytest

from node.dht.round_trips import LEAST_PATIENCE, Estimate, RoundTrips

PEER, OTHER = ("10.42.0.2", 8468), ("10.42.0.3", 8468)


def test_the_first_samples_give_what_the_rfc_says() -> None:
    estimate = Estimate.of(0.1)
    assert (estimate.smoothed, estimate.variation) == (0.1, 0.05)
    estimate.add(0.2)
    assert estimate.variation == pytest.approx(0.75 * 0.05 + 0.25 * 0.1)
    assert estimate.smoothed == pytest.approx(0.875 * 0.1 + 0.125 * 0.2)
    assert estimate.longest == pytest.approx(estimate.smoothed + 4 * estimate.variation)


def test_a_steady_peer_is_known_ever_better() -> None:
    trips = RoundTrips(1.0, 0.2)
    for _ in range(50):
        trips.answered(PEER, 0.05)
    assert trips.smoothed(PEER) == pytest.approx(0.05)
    assert 0.05 <= trips.patience(PEER) < 0.06
    assert trips.limit(PEER) == 1.0


def test_nobody_known_gets_the_times_that_are_set() -> None:
    trips = RoundTrips(1.0, 0.2)
    assert (trips.patience(PEER), trips.limit(PEER), trips.smoothed(PEER)) == (0.2, 1.0, None)


def test_a_stranger_is_guessed_from_everybody() -> None:
    trips = RoundTrips(1.0, 0.2)
    for _ in range(50):
        trips.answered(PEER, 0.03)
    assert trips.patience(OTHER) == pytest.approx(trips.patience(PEER))
    assert trips.limit(OTHER) == 1.0
    for _ in range(50):
        trips.answered(PEER, 1.5)
    assert trips.limit(OTHER) == pytest.approx(trips.limit(PEER))
    assert trips.limit(PEER) > 1.4  # a slow peer gets the time that it needs


def test_both_times_have_bounds() -> None:
    trips = RoundTrips(1.0, 0.2)
    for _ in range(50):
        trips.answered(PEER, 0.0001)
        trips.answered(OTHER, 5.0)
    assert (trips.patience(PEER), trips.limit(PEER)) == (LEAST_PATIENCE, 1.0)
    assert (trips.patience(OTHER), trips.limit(OTHER)) == (0.2, 4.0)


def test_the_settings_bound_both_even_where_they_are_short() -> None:
    trips = RoundTrips(0.1, 0.01)
    trips.answered(PEER, 0.0001)
    assert (trips.patience(PEER), trips.limit(PEER)) == (0.01, 0.1)


def test_a_missed_answer_doubles_the_limit_until_one_comes() -> None:
    trips = RoundTrips(0.5, 0.2)
    for _ in range(30):
        trips.answered(PEER, 0.001)
    limits = []
    for _ in range(20):
        trips.missed(PEER)
        limits.append(trips.limit(PEER))
    assert limits[:3] == [1.0, 2.0, 2.0]
    assert limits[-1] == 2.0
    trips.answered(PEER, 0.001)
    assert trips.limit(PEER) == 0.5
    trips.missed(OTHER)  # who never answered is not remembered
    assert trips.limit(OTHER) == 0.5


def test_memory_is_bounded_and_who_answers_stays() -> None:
    trips = RoundTrips(1.0, 0.2, most=10)
    trips.answered(PEER, 0.01)
    for n in range(100):
        trips.answered((f"10.42.1.{n}", 5), 0.01)
        trips.answered(PEER, 0.01)
    assert len(trips._peers) == 10
    assert trips.smoothed(PEER) is not None
