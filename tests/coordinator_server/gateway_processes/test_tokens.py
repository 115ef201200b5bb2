"""Requests that wait for tokens: one message for all that wait for the same, and an answer for each, in time."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from coordinator_server.gateway.rates import Rate
from coordinator_server.gateway_processes.leases import HELD, MustAsk, Name
from coordinator_server.gateway_processes.messages import GivesBack, Granted, Wants
from coordinator_server.gateway_processes.tokens import LeasedBuckets, Tokens, taken
from node.program.tasks import TaskSet
from node.wire.problems import Problem
from tests.support.waiting import eventually

NAME: Name = ("key", "k1")
RATE = Rate(20, 60.0)


class Desk:
    """Tokens with a clock of their own, whose messages are kept."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.now = 0.0
        self.tokens = Tokens(self.sent.append, lambda: self.now)
        self.passed: list[str] = []

    def ask(self, who: str) -> None:
        """Have somebody come in as soon as there is a token, and be sent away when there is none."""
        try:
            verdict = self.tokens.take(NAME, RATE)
        except MustAsk as question:
            self.tokens.wait(question.name, lambda: self.ask(who), lambda: self.passed.append(f"{who} unanswered"))
        else:
            self.passed.append(who if verdict.allowed else f"{who} refused")


def test_all_who_wait_are_asked_for_together() -> None:
    desk = Desk()
    for who in "abcd":
        desk.ask(who)
    assert desk.sent == [Wants("key", "k1", 1)]
    desk.tokens.granted(Granted("key", "k1", 1, 18.0))
    assert desk.passed == ["a"]
    assert desk.sent[1:] == [Wants("key", "k1", 3)]
    desk.tokens.granted(Granted("key", "k1", 2, 0.0))
    assert desk.passed == ["a", "b", "c", "d refused"]
    assert len(desk.sent) == 2
    assert desk.tokens.waiting == 0


def test_a_grant_is_for_those_who_waited_however_long_it_takes_to_go_on_with_all_of_them() -> None:
    desk = Desk()

    def ask_slowly(who: str) -> None:
        desk.now += HELD
        desk.ask(who)

    for who in "abc":
        desk.tokens.wait(NAME, partial(ask_slowly, who), lambda: None)
    desk.tokens.granted(Granted("key", "k1", 3, 0.0))
    assert desk.passed == ["a", "b", "c"]
    desk.ask("d")
    assert desk.passed[-1] == "d refused"


def test_who_is_not_answered_is_told_so_and_the_next_one_asks_anew() -> None:
    desk = Desk()
    patience = desk.tokens.patience
    desk.ask("a")
    desk.now = patience / 2
    desk.ask("b")
    desk.now = patience
    desk.tokens.tick()
    assert desk.passed == []  # we may have been late ourselves, with the answer waiting to be read
    desk.tokens.tick()
    assert desk.passed == ["a unanswered"]
    desk.now = 2 * patience
    desk.tokens.tick()
    desk.tokens.tick()
    assert desk.passed == ["a unanswered", "b unanswered"]
    desk.ask("c")
    assert desk.sent == [Wants("key", "k1", 1)] * 2
    desk.tokens.fail_all()
    assert desk.passed[-1] == "c unanswered"


def test_nobody_who_waits_is_compared_with_the_others() -> None:
    compared = 0

    class Told:
        """What is called when there is an answer; to compare it costs, if only for thousands that wait."""

        __hash__ = None  # type: ignore[assignment]  # nothing is to compare it that way either

        def __call__(self) -> None:
            pass

        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return self is other

    desk, failed = Desk(), list[int]()
    for number in range(20):
        desk.tokens.wait(NAME, Told(), partial(failed.append, number))
    desk.now = 2 * desk.tokens.patience
    desk.tokens.tick()
    desk.tokens.wait(NAME, Told(), partial(failed.append, 20))
    desk.tokens.tick()
    assert failed == list(range(20))
    assert desk.tokens.waiting == 1
    assert compared == 0


def test_what_nobody_uses_is_given_back() -> None:
    desk = Desk()
    desk.tokens.granted(Granted("key", "k1", 3, 10.0))
    desk.ask("a")
    desk.now = HELD
    desk.tokens.tick()
    assert desk.sent == [GivesBack("key", "k1", 2)]


def test_access_takes_from_leases_as_from_buckets() -> None:
    desk = Desk()
    buckets = LeasedBuckets(desk.tokens, "key")
    with pytest.raises(MustAsk):
        buckets.take("k1", RATE, 12345.0)
    desk.tokens.granted(Granted("key", "k1", 1, 3.0))
    assert buckets.take("k1", RATE, 0.0).remaining == 3


async def test_a_coroutine_waits_for_the_word() -> None:
    desk, tasks = Desk(), TaskSet("test")
    waiting = tasks.start(taken(desk.tokens, NAME, RATE), "taken")
    await eventually(lambda: desk.sent, "it is asked for")
    desk.tokens.granted(Granted("key", "k1", 1, 7.0))
    assert (await waiting).remaining == 7

    waiting = tasks.start(taken(desk.tokens, NAME, RATE), "taken")
    await eventually(lambda: len(desk.sent) == 2, "it is asked for")
    desk.tokens.fail_all()
    with pytest.raises(Problem) as caught:
        await asyncio.shield(waiting)
    assert caught.value.status == 503
