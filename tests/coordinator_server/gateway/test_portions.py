"""Coordinators that share a bucket: whatever comes between, they let through no more than one bucket would."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator_server.gateway.portions import GAP, HELD, SURE_DRY, Account, Portion, Row, View, see
from coordinator_server.gateway.rates import Rate

SLOW, FAST, RARE, HOURLY = Rate(120, 60.0), Rate(400, 1.0), Rate(3, 60.0), Rate(240, 3600.0)


@dataclass
class Other:
    """A coordinator with a clock of its own, and what it has asked the store for."""

    account: Account
    offset: float
    asked: tuple[Portion, int, int] | None = None  # for how many requests, over which version
    written: tuple[Portion, int] | None = None


@dataclass
class Store:
    row: Row | None = None
    version: int = 0
    at: float = 0.0


@dataclass
class Mesh:
    """Some coordinators and a store; a second bucket, which is a little larger, holds them to the rate."""

    rate: Rate
    sharers: int = 3
    now: float = 0.0
    store: Store = field(default_factory=Store)
    let_through: int = 0
    room: float = 0.0
    counted_at: float = 0.0
    others: list[Other] = field(default_factory=list)
    begun: int = 0

    def __post_init__(self) -> None:
        self.room = self.most
        for number in range(self.sharers):
            self.others.append(Other(self.fresh(number * 1000.0), number * 1000.0))

    @property
    def most(self) -> float:
        return self.rate.limit + HELD / self.rate.pause

    def fresh(self, offset: float) -> Account:
        return Account(self.rate, float(self.rate.limit), self.now + offset)

    def passes(self, count: int = 1) -> None:
        self.room = min(self.most, self.room + (self.now - self.counted_at) / self.rate.pause) - count
        self.counted_at = self.now
        self.let_through += count
        assert self.room > -1e-3, "more than the rate allows"

    def request(self, one: Other) -> None:
        moment = self.now + one.offset
        if one.account.take(moment):
            self.passes()
        elif one.asked is None and one.written is None and not one.account.is_dry(moment):
            self.ask(one, 1)

    def ask(self, one: Other, need: int) -> None:
        if one.asked is None and one.written is None:
            self.begun += 1
            moment = self.now + one.offset
            portion = one.account.portion(self.store.row, need, self.sharers, moment, str(self.begun))
            if portion is not None:
                one.asked = portion, need, self.store.version

    def write(self, one: Other) -> None:
        if one.asked is not None:
            (portion, need, version), one.asked = one.asked, None
            if version == self.store.version:
                self.store = Store(portion.row, version + 1, self.now)
                one.written = portion, need

    def hear(self, one: Other) -> None:
        if one.written is not None:
            (portion, need), one.written = one.written, None
            moment = self.now + one.offset
            one.account.granted(portion, moment)
            while need and one.account.take(moment):
                self.passes()
                need -= 1

    def hear_nothing(self, one: Other) -> None:
        if one.asked is not None or one.written is not None:
            one.asked = one.written = None
            one.account.lost()

    def restart(self, one: Other) -> None:
        one.asked = one.written = None
        if self.store.row is not None:
            one.account = self.fresh(one.offset)

    def clean(self) -> None:
        if self.now - self.store.at > self.rate.seconds:
            self.store = Store(None, self.store.version + 1, self.now)

    def ask_at_once(self, one: Other) -> None:
        """Send a request through with a store that is quick."""
        moment = self.now + one.offset
        before = self.let_through
        self.request(one)
        if self.let_through == before and one.account.next_at <= moment:
            self.write(one)
            self.hear(one)
        one.asked = None

    def drain(self, one: Other) -> None:
        """Send requests through until hardly any can pass."""
        for _ in range(300):
            self.ask_at_once(one)
            if one.account.next_at > self.now + one.offset:
                self.now += 0.5 * GAP

    def give(self, one: Other) -> None:
        self.ask(one, 0)
        self.write(one)
        self.hear(one)


WHO = st.integers(0, 2)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["burst", "request", "write", "hear", "give", "nothing", "restart"]), WHO),
        st.tuples(st.sampled_from(["round", "drain"]), WHO),
        st.tuples(st.just("clean"), st.just(0)),
        st.tuples(st.just("wait"), st.sampled_from([0.001, 0.02, 0.3, 1.5, 4.9, 30.0, 100.0])),
    ),
    max_size=150,
)


@settings(max_examples=300, deadline=None)
@given(steps=STEPS, rate=st.sampled_from([SLOW, RARE, FAST, Rate(1, 1.0), HOURLY]))
def test_together_they_never_let_more_through_than_the_rate(steps: list[tuple[str, float]], rate: Rate) -> None:
    mesh = Mesh(rate)
    for what, value in steps:
        if what == "wait":
            mesh.now += value
        elif what == "clean":
            mesh.clean()
        else:
            one = mesh.others[int(value)]
            if what == "burst":
                for _ in range(40):
                    mesh.request(one)
            elif what == "round":
                for _ in range(20):
                    mesh.ask_at_once(one)
            elif what == "nothing":
                mesh.hear_nothing(one)
            else:
                getattr(mesh, what)(one)


@pytest.mark.parametrize("busy", [1, 3])
@pytest.mark.parametrize("rate", [SLOW, RARE, Rate(6000, 60.0)])
def test_one_alone_and_all_together_use_the_whole_rate_with_few_writes(rate: Rate, busy: int) -> None:
    mesh, step, seconds = Mesh(rate), min(rate.pause / 3, 0.1), 240.0
    turn = 0
    while mesh.now < seconds:
        mesh.now += step
        mesh.ask_at_once(mesh.others[turn % busy])
        turn += 1
    whole = rate.limit + seconds / rate.pause
    assert 0.97 * whole - 1 <= mesh.let_through <= whole + HELD / rate.pause
    assert mesh.store.version <= min(mesh.let_through + 1, busy * seconds / GAP)


def test_a_key_that_is_used_evenly_below_its_rate_asks_the_store_rarely() -> None:
    mesh = Mesh(Rate(6000, 60.0))
    for _ in range(60 * 50):
        mesh.now += 0.02
        mesh.ask_at_once(mesh.others[0])
    assert mesh.let_through >= 60 * 50 - 60
    assert mesh.store.version <= 2 * 60 + 5


@pytest.mark.parametrize("gives", [True, False])
def test_what_was_held_for_long_does_not_come_on_top_of_a_full_bucket(gives: bool) -> None:
    mesh = Mesh(HOURLY)
    for one in mesh.others:
        mesh.ask_at_once(one)
    assert sum(one.account.at_hand(mesh.now + one.offset) for one in mesh.others) > 20
    mesh.now += 600.0
    mesh.drain(mesh.others[0])
    for one in mesh.others:
        if gives:
            mesh.give(one)
        mesh.drain(one)
    assert mesh.let_through >= 3 + 240


def test_what_is_not_used_goes_back_less_what_came_in_meanwhile() -> None:
    mesh = Mesh(HOURLY)
    mesh.ask_at_once(mesh.others[0])
    assert mesh.store.row is not None
    taken, held = mesh.store.row.taken, mesh.others[0].account.at_hand(mesh.now)
    assert taken == 1 + held
    assert held
    mesh.now += 30.0  # two tokens
    assert mesh.others[0].account.has_loose(mesh.now)
    mesh.give(mesh.others[0])
    assert mesh.store.row.taken == taken - (held - 2)
    assert not mesh.others[0].account.has_loose(mesh.now)


def test_a_clock_that_jumps_gives_one_burst_and_one_that_steps_back_nothing() -> None:
    account, row = Account(SLOW, 120.0, 0.0), Row("a", 120.0, 0.0, 120, 60.0)
    assert see(account.view, row, SLOW, 0.0).level == 0.0
    view = see(View(0.0, 0.0, "a", 120.0), row, SLOW, 1e9)
    assert view.level == 120.0
    assert see(View(0.0, 0.0, "a", 120.0), row, SLOW, -1e9).level == 0.0
    assert see(view, Row("a", 240.0, 0.0, 120, 60.0), SLOW, 1e9).level == 0.0


def test_an_empty_bucket_is_known_to_be_empty_until_a_token_has_come() -> None:
    account = Account(RARE, 3.0, 0.0)
    assert not account.is_dry(0.0)
    assert account.portion(Row("a", 3.0, 0.1, 3, 60.0), 1, 3, 0.0, "b") is None
    assert account.is_dry(0.5)
    assert not account.is_dry(SURE_DRY), "others may have given some back"


def test_without_the_store_each_lets_its_part_through_and_tells_it_afterwards() -> None:
    account = Account(SLOW, 90.0, 0.0)
    let_through = sum(account.take_share(0.0, 3) for _ in range(120))
    assert let_through == 30
    assert sum(account.take_share(30.0, 3) for _ in range(120)) == 20
    assert sum(account.take_share(3000.0, 3) for _ in range(120)) == 40
    portion = account.portion(None, 0, 3, 3000.0, "a")
    assert portion is not None
    assert (portion.row.taken, portion.row.level) == (90.0, 30.0)
    account.granted(portion, 3000.0)
    assert account.portion(portion.row, 0, 3, 3000.0, "b") is None, "it is told once"
    once_a_minute = Account(Rate(1, 60.0), 1.0, 0.0)
    assert [once_a_minute.take_share(180.0 * turn, 3) for turn in range(4)] == [False, True, True, True]
