from __future__ import annotations

from node.routing.breaker import Breakers
from node.routing.candidates import Candidate

A, B = Candidate("a", ()), Candidate("b", ())


def opened(breakers: Breakers, worker_id: str = "a", now: float = 0.0) -> Breakers:
    for _ in range(5):
        breakers.failed("ocr", worker_id, now)
    return breakers


def test_it_opens_after_five_failures_in_a_row() -> None:
    breakers = Breakers()
    for _ in range(4):
        breakers.failed("ocr", "a", 0.0)
    assert breakers.state("ocr", "a", 0.0) == "closed"
    breakers.succeeded("ocr", "a")
    opened(breakers)
    assert breakers.state("ocr", "a", 9.9) == "open"
    assert breakers.usable("ocr", [A, B], 9.9) == [B]
    assert breakers.open_until("ocr", "a") == 10.0


def test_one_service_of_a_worker_does_not_open_the_breaker_of_another() -> None:
    breakers = opened(Breakers())
    assert breakers.usable("ner", [A, B], 1.0) == [A, B]


def test_half_open_lets_one_probe_through() -> None:
    breakers = opened(Breakers())
    assert breakers.state("ocr", "a", 10.0) == "half-open"
    assert breakers.usable("ocr", [A, B], 10.0) == [A, B]
    breakers.begin("ocr", "a", 10.0)
    assert breakers.usable("ocr", [A, B], 10.1) == [B]
    breakers.succeeded("ocr", "a")
    assert breakers.usable("ocr", [A, B], 10.2) == [A, B]
    assert len(breakers) == 0


def test_a_failed_probe_opens_it_for_twice_as_long() -> None:
    breakers = opened(Breakers())
    breakers.begin("ocr", "a", 10.0)
    breakers.failed("ocr", "a", 10.0)
    assert breakers.state("ocr", "a", 29.9) == "open"
    assert breakers.state("ocr", "a", 30.0) == "half-open"


def test_a_probe_whose_client_left_is_no_probe() -> None:
    breakers = opened(Breakers())
    breakers.begin("ocr", "a", 10.0)
    breakers.gave_up("ocr", "a")
    assert breakers.usable("ocr", [A, B], 10.1) == [A, B]


def test_it_never_ejects_every_candidate() -> None:
    breakers = opened(opened(Breakers()), "b")
    assert breakers.usable("ocr", [A, B], 1.0) == [A, B]


def test_it_remembers_only_so_many() -> None:
    breakers = Breakers(maximum=10)
    for number in range(100):
        breakers.failed("ocr", f"w{number}", 0.0)
    assert len(breakers) == 10
