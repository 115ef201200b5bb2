from __future__ import annotations

import pytest

from node.routing.breaker import Breakers


def opened(breakers: Breakers, worker_id: str = "a", now: float = 0.0) -> Breakers:
    for _ in range(5):
        breakers.failed("ocr", worker_id, now, "no answer")
    return breakers


def state_of(breakers: Breakers, now: float, worker_id: str = "a") -> str:
    return next((item.state for item in breakers.tripped("ocr", now) if item.worker_id == worker_id), "closed")


def opened_until(breakers: Breakers) -> float:
    return max(item.until for item in breakers.tripped("ocr", 0.0))


def test_it_opens_after_five_failures_in_a_row() -> None:
    breakers = Breakers()
    for _ in range(4):
        breakers.failed("ocr", "a", 0.0)
    assert state_of(breakers, 0.0) == "closed"
    breakers.succeeded("ocr", "a")
    opened(breakers)
    assert state_of(breakers, 9.9) == "open"
    assert breakers.blocked("ocr", 9.9) == {"a"}
    (tripped,) = breakers.tripped("ocr", 9.9)
    assert (tripped.state, tripped.until, tripped.failures, tripped.reason) == ("open", 10.0, 5, "no answer")


def test_one_service_of_a_worker_does_not_open_the_breaker_of_another() -> None:
    breakers = opened(Breakers())
    assert breakers.blocked("ner", 1.0) == set()


def test_half_open_lets_one_probe_through() -> None:
    breakers = opened(Breakers())
    assert state_of(breakers, 10.0) == "half-open"
    assert breakers.blocked("ocr", 10.0) == set()
    breakers.begin("ocr", "a", 10.0)
    assert breakers.blocked("ocr", 10.1) == {"a"}
    breakers.succeeded("ocr", "a")
    assert breakers.blocked("ocr", 10.2) == set()
    assert len(breakers) == 0


def test_a_failed_probe_opens_it_for_twice_as_long() -> None:
    breakers = opened(Breakers())
    breakers.begin("ocr", "a", 10.0)
    breakers.failed("ocr", "a", 10.0)
    assert state_of(breakers, 29.9) == "open"
    assert state_of(breakers, 30.0) == "half-open"


def test_a_probe_whose_client_left_is_no_probe() -> None:
    breakers = opened(Breakers())
    breakers.begin("ocr", "a", 10.0)
    breakers.gave_up("ocr", "a")
    assert breakers.blocked("ocr", 10.1) == set()


def test_many_that_were_under_way_when_it_opened_open_it_only_once() -> None:
    breakers = Breakers()
    for number in range(50):
        breakers.failed("ocr", "a", number / 100)
    assert state_of(breakers, 9.9) == "open"
    assert state_of(breakers, 10.1) == "half-open"


def test_only_the_probe_may_end_the_probe() -> None:
    breakers = Breakers()
    assert not breakers.begin("ocr", "a", 0.0)
    assert breakers.begin("ocr", "a", opened_until(opened(breakers)))
    (tripped,) = breakers.tripped("ocr", 10.0)
    assert tripped.probing
    assert tripped.blocks


def test_it_remembers_only_so_many() -> None:
    breakers = Breakers(maximum=10)
    for number in range(100):
        breakers.failed("ocr", f"w{number}", 0.0)
    assert len(breakers) == 10
    breakers = Breakers(failures=1, maximum=10)
    for number in range(100):
        breakers.failed("ocr", f"w{number}", 0.0)
    assert breakers.blocked("ocr", 1.0) == {f"w{number}" for number in range(90, 100)}


@pytest.mark.parametrize("worker_id", ["a", "b"])
def test_once_all_are_well_nothing_is_left_of_it(worker_id: str) -> None:
    breakers = opened(Breakers(), worker_id)
    breakers.succeeded("ocr", worker_id)
    assert list(breakers.tripped("ocr", 1.0)) == []
    assert breakers.blocked("ocr", 1.0) == set()
