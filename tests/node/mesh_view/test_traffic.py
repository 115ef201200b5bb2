"""Rates of requests: what they come to, how they fade, and that they are bounded."""

from __future__ import annotations

import pytest

from node.mesh_view.traffic import FADE, MOST_WORKERS, Traffic


def test_a_steady_stream_has_its_own_rate() -> None:
    traffic = Traffic()
    for n in range(1000):
        traffic.sent("w-1", n / 5)
    assert traffic.rates(200.0)["w-1"] == pytest.approx(5.0, rel=0.05)


def test_a_rate_fades_to_nothing_when_nothing_is_sent() -> None:
    traffic = Traffic()
    for n in range(100):
        traffic.sent("w-1", n / 10)
    at_end = traffic.rates(10.0)["w-1"]
    assert traffic.rates(10.0 + FADE)["w-1"] == pytest.approx(at_end / 2.718, rel=0.05)
    assert traffic.rates(1000.0) == {}


def test_of_too_many_workers_the_one_that_was_asked_longest_ago_is_forgotten() -> None:
    traffic = Traffic()
    for n in range(MOST_WORKERS):
        traffic.sent(f"w-{n}", 1.0)
    traffic.sent("w-0", 1.1)
    traffic.sent("newcomer", 1.2)
    assert len(traffic) == MOST_WORKERS
    rates = traffic.rates(1.2)
    assert {"w-0", "newcomer"} <= set(rates)
    assert "w-1" not in rates
