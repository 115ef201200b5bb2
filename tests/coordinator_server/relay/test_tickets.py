"""Tickets: for one worker, once, and for a few seconds."""

from __future__ import annotations

import itertools

import pytest

from coordinator_server.relay.tickets import Tickets


@pytest.fixture
def tickets() -> Tickets:
    numbers = itertools.count(1)
    return Tickets(10.0, lambda: f"ticket-{next(numbers)}")


def test_one_is_good_once_and_for_its_worker(tickets: Tickets) -> None:
    one, other = tickets.give("w1", 2, 0.0)
    assert tickets.is_given(one, 1.0)
    assert not tickets.use(one, "w2", 1.0)
    assert tickets.use(one, "w1", 1.0)
    assert not tickets.use(one, "w1", 1.0)
    assert not tickets.is_given(one, 1.0)
    assert tickets.is_given(other, 1.0)
    assert tickets.of("w1") == len(tickets) == 1


def test_nobody_uses_one_that_was_not_given(tickets: Tickets) -> None:
    tickets.give("w1", 1, 0.0)
    assert not tickets.is_given("ticket-9", 0.0)
    assert not tickets.use("ticket-9", "w1", 0.0)
    assert not tickets.use("", "w1", 0.0)


def test_it_ends_by_itself(tickets: Tickets) -> None:
    (early,) = tickets.give("w1", 1, 0.0)
    (late,) = tickets.give("w1", 1, 5.0)
    assert not tickets.is_given(early, 10.0)
    assert not tickets.use(early, "w1", 10.0)
    tickets.give("w1", 1, 0.0)
    tickets.expire(12.0)
    assert tickets.is_given(late, 12.0)
    tickets.expire(15.0)
    assert len(tickets) == tickets.of("w1") == 0


def test_a_worker_s_are_forgotten_together(tickets: Tickets) -> None:
    tickets.give("w1", 3, 0.0)
    (theirs,) = tickets.give("w2", 1, 0.0)
    tickets.forget("w1")
    assert tickets.of("w1") == 0
    assert tickets.use(theirs, "w2", 1.0)
