"""Leases: however many processes ask, lose and give back, they never admit more than one bucket would."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator_server.gateway.rates import Buckets, Rate
from coordinator_server.gateway_processes.leases import HELD, MOST, SURE_DRY, Leases, MustAsk, Name, Office

NAME: Name = ("key", "k1")
SLOW = Rate(20, 60.0)
FAST = Rate(1000, 1.0)


def office() -> tuple[Office, Buckets]:
    buckets = Buckets()
    return Office({"key": buckets, "address": Buckets(), "wrong": Buckets()}), buckets


def test_a_slow_rate_is_given_token_by_token() -> None:
    desk, buckets = office()
    assert desk.grant(1, NAME, 1, SLOW, 0.0) == (1, 19.0)
    assert desk.grant(2, NAME, 30, SLOW, 0.0) == (19, 0.0)
    assert desk.grant(1, NAME, 1, SLOW, 0.0) == (0, 0.0)
    assert buckets.take("k1", SLOW, 0.0, 0.0).tokens == 0.0


def test_a_fast_rate_is_leased_ahead_while_there_is_plenty() -> None:
    desk, buckets = office()
    assert desk.grant(1, NAME, 1, FAST, 0.0) == (51, 949.0)  # 50 ms of it
    buckets.take("k1", FAST, 0.0, 440.0)
    assert desk.grant(1, NAME, 1, FAST, 0.0) == (1, 508.0)
    assert desk.grant(1, NAME, 10**6, Rate(10**9, 1.0), 1.0)[0] <= 2 * MOST


def test_who_has_nothing_must_ask_and_is_told() -> None:
    leases = Leases()
    with pytest.raises(MustAsk) as caught:
        leases.take(NAME, SLOW, 0.0)
    assert caught.value.name == NAME
    leases.granted(NAME, 2, 17.0, 0.0)
    assert [leases.take(NAME, SLOW, 0.0).remaining for _ in range(2)] == [18, 17]
    with pytest.raises(MustAsk):
        leases.take(NAME, SLOW, 0.0)


def test_an_empty_bucket_is_believed_to_be_empty_until_it_cannot_be() -> None:
    leases = Leases()
    leases.granted(NAME, 0, 0.0, 10.0)
    verdict = leases.take(NAME, SLOW, 10.0)
    assert not verdict.allowed
    assert verdict.headers["Retry-After"] == "3"
    assert leases.take(NAME, SLOW, 10.9).headers["RateLimit-Reset"] == "60"
    with pytest.raises(MustAsk):
        leases.take(NAME, SLOW, 10.0 + SURE_DRY)
    leases.granted(NAME, 0, 0.9, 20.0)  # a tenth of a token is there in 0.3 s
    assert not leases.take(NAME, SLOW, 20.2).allowed
    with pytest.raises(MustAsk):
        leases.take(NAME, SLOW, 20.4)


def test_what_is_not_used_in_time_goes_back_and_is_used_no_more() -> None:
    leases = Leases()
    leases.granted(NAME, 5, 500.0, 0.0)
    assert leases.take(NAME, FAST, 0.1).allowed
    assert leases.unused(0.1) == []
    with pytest.raises(MustAsk):
        leases.take(NAME, FAST, HELD)
    assert leases.unused(HELD) == [(NAME, 4)]
    assert leases.unused(HELD) == []
    assert len(leases) == 0


def test_tokens_come_back_once_and_only_those_that_were_given() -> None:
    desk, buckets = office()
    tokens, _ = desk.grant(1, NAME, 1, FAST, 0.0)
    assert desk.take_back(2, NAME, tokens, FAST, 0.0) == 0
    assert desk.take_back(1, NAME, 10**5, FAST, 0.0) == tokens
    assert desk.take_back(1, NAME, tokens, FAST, 0.0) == 0
    assert buckets.take("k1", FAST, 0.0, 0.0).tokens == 1000.0
    desk.grant(1, NAME, 1, FAST, 0.0)
    assert desk.take_back(1, NAME, 1, FAST, 100.0) == 0


def test_the_table_is_bounded() -> None:
    leases = Leases(maximum=10)
    for number in range(100):
        leases.granted(("address", str(number)), 1, 5.0, 0.0)
    assert len(leases) == 10


class Mesh:
    """Some processes and the first, with messages that may be late; `admitted` are all requests so far."""

    def __init__(self, processes: int, rate: Rate) -> None:
        self.office, self.buckets = office()
        self.rate = rate
        self.processes = [Leases() for _ in range(processes)]
        self.under_way: list[tuple[int, int, float]] = []
        self.now = 0.0
        self.admitted = 0

    def request(self, process: int) -> None:
        try:
            self.admitted += self.processes[process].take(NAME, self.rate, self.now).allowed
        except MustAsk:
            tokens, level = self.office.grant(process, NAME, 1 + process, self.rate, self.now)
            self.under_way.append((process, tokens, level))

    def deliver(self) -> None:
        if self.under_way:
            process, tokens, level = self.under_way.pop(0)
            self.processes[process].granted(NAME, tokens, level, self.now)

    def own(self) -> None:
        self.admitted += self.buckets.take(NAME[1], self.rate, self.now).allowed

    def give_back(self, process: int) -> None:
        for name, tokens in self.processes[process].unused(self.now):
            self.office.take_back(process, name, tokens, self.rate, self.now)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("request"), st.integers(0, 2)),
        st.tuples(st.just("back"), st.integers(0, 2)),
        st.tuples(st.just("deliver"), st.just(0)),
        st.tuples(st.just("own"), st.just(0)),
        st.tuples(st.just("wait"), st.sampled_from([0.001, 0.02, 0.3, 1.5])),
    ),
    max_size=300,
)
RATES = st.sampled_from([Rate(1, 1.0), Rate(20, 60.0), Rate(50, 1.0), Rate(400, 1.0), Rate(6000, 60.0)])


@settings(max_examples=150, deadline=None)
@given(steps=STEPS, rate=RATES)
def test_together_they_never_admit_more_than_the_bucket(steps: list[tuple[str, float]], rate: Rate) -> None:
    mesh = Mesh(3, rate)
    for what, value in steps:
        if what == "request":
            mesh.request(int(value))
        elif what == "back":
            mesh.give_back(int(value))
        elif what == "deliver":
            mesh.deliver()
        elif what == "own":
            mesh.own()
        else:
            mesh.now += value
        assert mesh.admitted <= rate.limit + mesh.now * rate.limit / rate.seconds + 1e-3


def test_a_slow_rate_is_used_up_to_the_last_token() -> None:
    mesh = Mesh(3, SLOW)
    for turn in range(300):
        mesh.request(turn % 3)
        while mesh.under_way:
            mesh.deliver()
    assert mesh.admitted == 20
