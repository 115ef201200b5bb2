"""Which coordinators a node remembers, whom it asks next, and where its second channel goes and stays."""

from __future__ import annotations

import random
from collections import Counter

import msgspec
import pytest

from node.events import CoordinatorsMeasured
from node.known_coordinators import (
    LOOKS,
    MOST,
    first_coordinator,
    knowing,
    measured,
    next_coordinator,
    outweighing,
    second_choices,
    second_coordinator,
)
from node.machine import handle
from node.state import ChannelStatus, Measured, NodeState
from node.wire.messages import CoordinatorInfo
from tests.support.node_values import FIRST, MEMBERSHIP, SECOND, assignment

THIRD = CoordinatorInfo(id="c3", url="http://127.0.0.1:8082")
ALL = (FIRST, SECOND, THIRD)
MEMBER_OF_THREE = msgspec.structs.replace(MEMBERSHIP, coordinators=ALL)
OPEN = ChannelStatus(True)


def state(**changes: object) -> NodeState:
    """Return a node that uses the first of three coordinators, all of which it was told."""
    node = NodeState(
        membership=MEMBER_OF_THREE,
        coordinator=FIRST.url,
        assignment=assignment(coordinators=ALL),
        registered=True,
        channel=OPEN,
    )
    return msgspec.structs.replace(node, **changes)


def moved(info: CoordinatorInfo, url: str) -> CoordinatorInfo:
    return msgspec.structs.replace(info, url=url)


def urls_after(told: tuple[CoordinatorInfo, ...], *failing: str) -> list[str]:
    membership = knowing(MEMBERSHIP, assignment(coordinators=told), failing)
    assert membership is not None
    return [info.url for info in membership.coordinators]


def test_new_coordinators_come_last_and_nobody_is_forgotten_at_once() -> None:
    assert urls_after((THIRD, SECOND)) == [FIRST.url, SECOND.url, THIRD.url], "the order is kept, whoever is asked"
    assert urls_after(()) == [FIRST.url, SECOND.url]
    assert knowing(None, assignment(coordinators=ALL), ()) is None


def test_an_address_that_has_failed_gives_way_to_the_one_that_is_told() -> None:
    told = (moved(FIRST, "http://inside.example"), moved(SECOND, "http://new.example"))
    assert urls_after(told) == [FIRST.url, SECOND.url]
    assert urls_after(told, SECOND.url) == [FIRST.url, "http://new.example"]


def test_no_more_are_remembered_than_may_be_and_those_that_are_named_stay() -> None:
    many = tuple(CoordinatorInfo(id=f"n{number}", url=f"http://{number}.example") for number in range(MOST - 1))
    assert urls_after(many) == [SECOND.url, *(info.url for info in many)]
    assert len(urls_after((*many, *(moved(THIRD, "http://x.example"), FIRST, SECOND)))) == MOST


def test_when_one_fails_the_one_with_the_second_channel_is_asked_next() -> None:
    third = ChannelStatus(True, url=THIRD.url)
    assert next_coordinator(state(failing=(FIRST.url,), second_channel=third)) == THIRD.url
    closed = ChannelStatus(False, url=THIRD.url)
    assert next_coordinator(state(failing=(FIRST.url,), second_channel=closed)) == SECOND.url
    assert next_coordinator(state(failing=(FIRST.url,))) == SECOND.url


def test_all_of_them_get_their_turn_again_and_again() -> None:
    second = ChannelStatus(True, url=SECOND.url)
    asked: list[str] = []
    failing: tuple[str, ...] = ()
    using = FIRST.url
    for _ in range(6):
        failing = (*(url for url in failing if url != using), using)
        using = next_coordinator(state(coordinator=using, failing=failing, second_channel=second)) or ""
        asked.append(using)
    assert asked == [SECOND.url, THIRD.url, FIRST.url, SECOND.url, THIRD.url, FIRST.url]


def test_those_that_were_named_last_are_asked_before_those_that_were_not() -> None:
    told = assignment(coordinators=(FIRST, THIRD))
    assert next_coordinator(state(assignment=told, failing=(FIRST.url,))) == THIRD.url
    assert next_coordinator(state(assignment=told, failing=(FIRST.url, THIRD.url))) == SECOND.url
    assert next_coordinator(state(assignment=None, failing=(FIRST.url,))) == SECOND.url
    assert next_coordinator(state(membership=None)) == FIRST.url


# --- by the formula -------------------------------------------------------------------------------------------


def at(*latencies: float, queues: tuple[int, ...] = (0, 0, 0)) -> tuple[Measured, ...]:
    """Return what a look finds, of the first ones of all."""
    return tuple(Measured(info.id, ms, queue) for info, ms, queue in zip(ALL, latencies, queues, strict=False))


def test_workers_that_join_begin_with_any_of_those_that_were_named() -> None:
    draws = [number / 300 for number in range(300)]
    first = Counter(first_coordinator(MEMBER_OF_THREE, None, draw) for draw in draws)
    assert first == dict.fromkeys((FIRST.url, SECOND.url, THIRD.url), 100)
    told = assignment(coordinators=(FIRST, THIRD))
    assert {first_coordinator(MEMBER_OF_THREE, told, draw) for draw in draws} == {FIRST.url, THIRD.url}
    elsewhere = assignment(coordinators=(moved(SECOND, "http://x.example"),))
    assert first_coordinator(MEMBER_OF_THREE, elsewhere, 0.5) == SECOND.url, "an address that we know"
    strangers = assignment(coordinators=(CoordinatorInfo(id="c9", url="http://c9.example"),))
    assert first_coordinator(MEMBER_OF_THREE, strangers, 0.0) == FIRST.url
    assert first_coordinator(msgspec.structs.replace(MEMBERSHIP, coordinators=()), None, 0.0) is None


def test_those_that_lose_their_coordinator_are_spread_over_the_others_by_weight() -> None:
    draws = [number / 1000 for number in range(1000)]
    orphan = state(failing=(FIRST.url,), measured=at(1.0, 9.0, 39.0))  # weights 1/10 and 1/40
    found = Counter(next_coordinator(orphan, draw) for draw in draws)
    assert found == {SECOND.url: 800, THIRD.url: 200}
    busy = state(failing=(FIRST.url,), measured=at(1.0, 9.0, 9.0, queues=(0, 0, 3)))
    assert Counter(next_coordinator(busy, draw) for draw in draws) == {SECOND.url: 800, THIRD.url: 200}
    unknown = state(failing=(FIRST.url,), measured=at(9.0, 9.0))
    assert Counter(next_coordinator(unknown, draw) for draw in draws) == {SECOND.url: 500, THIRD.url: 500}


def test_the_one_with_the_second_channel_is_left_for_one_that_is_much_better() -> None:
    third = ChannelStatus(True, url=THIRD.url)
    orphan = state(failing=(FIRST.url,), second_channel=third, measured=at(1.0, 9.0, 15.0))
    assert next_coordinator(orphan, 0.0) == THIRD.url
    far = state(failing=(FIRST.url,), second_channel=third, measured=at(1.0, 9.0, 99.0))
    assert next_coordinator(far, 0.0) == SECOND.url


def test_one_slow_answer_is_no_slow_coordinator_and_who_is_silent_is_not_chosen() -> None:
    after = measured(state(), at(1.0, 1.0, 1.0), ())
    after = measured(after, at(1.0, 101.0), (THIRD.url,))
    assert [one.latency_ms for one in after.measured] == [1.0, 1.6, 1.0]
    for _ in range(30):
        after = measured(after, at(1.0, 101.0), (THIRD.url,))
    assert after.measured[1].latency_ms == pytest.approx(101.0, rel=0.01), "always slow is slow"
    assert after.failing == (THIRD.url,)
    assert next_coordinator(msgspec.structs.replace(after, failing=(*after.failing, FIRST.url)), 0.9) == SECOND.url
    back = measured(after, at(1.0, 1.0, 1.0), ())
    assert back.failing == ()
    own = measured(state(), (), (FIRST.url,))
    assert own.failing == (), "of the one in use our calls tell"
    gone = measured(back, (), ())
    assert measured(
        msgspec.structs.replace(gone, assignment=assignment(coordinators=(FIRST,))), (), ()
    ).measured == (at(1.0)), "who is not named any more is forgotten"


def test_only_one_that_is_twice_as_good_outweighs_the_one_in_use() -> None:
    assert outweighing(state(measured=at(21.0, 11.0, 10.0))) == {THIRD.url: 1 / 11}
    assert outweighing(state(measured=at(1.0, 2.0, 3.0))) == {}
    assert outweighing(state(measured=at(21.0, 1.0), failing=(SECOND.url,))) == {}
    assert outweighing(state(measured=at(21.0)[1:])) == outweighing(state()) == {}
    assert set(outweighing(state(measured=at(1.0, 1.0, 1.0, queues=(5, 0, 1))))) == {SECOND.url, THIRD.url}


def look(node: NodeState, *latencies: float, draw: float = 0.0) -> NodeState:
    after, _ = handle(node, CoordinatorsMeasured(at(*latencies), (), draw))
    return after


def test_it_moves_when_another_one_was_much_better_several_times_in_a_row() -> None:
    node = state()
    for _ in range(LOOKS - 1):
        node = look(node, 50.0, 1.0, 50.0)
        assert node.coordinator == FIRST.url
    node = look(node, 50.0, 1.0, 50.0)
    assert (node.coordinator, node.registered, node.channel.open) == (SECOND.url, False, False)
    assert look(node, 1.0, 1.0, 1.0).coordinator == SECOND.url


def test_over_a_day_with_noise_nobody_flaps_and_who_is_far_comes_nearer() -> None:
    """720 looks, one each two minutes: latencies of equals swing by half, and each coordinator has bad minutes."""
    for seed in range(20):
        chance = random.Random(seed)
        near, far = state(), state()
        moves = 0
        for _ in range(720):
            swings = [chance.lognormvariate(0.0, 0.3) * (40 if chance.random() < 0.03 else 1) for _ in range(3)]
            before = near.coordinator
            near = look(near, *(20.0 * swing for swing in swings), draw=chance.random())
            moves += near.coordinator != before
            near = msgspec.structs.replace(near, registered=True)
            distances = (200.0 * swings[0], 20.0 * swings[1], 25.0 * swings[2])
            far = msgspec.structs.replace(look(far, *distances, draw=chance.random()), registered=True)
        assert far.coordinator != FIRST.url, seed
        assert moves <= 2, (seed, moves)


def test_the_second_channel_goes_to_another_one_that_was_named() -> None:
    assert set(second_choices(state())) == {SECOND.url, THIRD.url}
    assert second_choices(state(assignment=assignment(coordinators=(FIRST, THIRD)))) == (THIRD.url,)
    assert second_choices(state(assignment=assignment(coordinators=(FIRST,)))) == ()
    assert second_choices(state(assignment=None)) == second_choices(state(membership=None)) == ()
    assert second_coordinator(state(assignment=None), None, ()) is None


def test_workers_spread_over_those_that_they_can_choose_from() -> None:
    first: Counter[str] = Counter()
    for number in range(300):
        membership = msgspec.structs.replace(MEMBER_OF_THREE, worker_id=f"w{number}")
        first[second_choices(state(membership=membership))[0]] += 1
    assert min(first[SECOND.url], first[THIRD.url]) > 100


def test_it_stays_where_it_is_until_it_is_given_up() -> None:
    best, other = second_choices(state())
    assert second_coordinator(state(), None, ()) == best
    assert second_coordinator(state(), other, ()) == other
    assert second_coordinator(state(), other, {other}) == best
    assert second_coordinator(state(), other, {best, other}) == best, "nobody is left out for good"
    assert second_coordinator(state(), SECOND.url, ()) == SECOND.url
    gone = state(assignment=assignment(coordinators=(FIRST, THIRD)))
    assert second_coordinator(gone, SECOND.url, ()) == THIRD.url


@pytest.mark.parametrize("is_open", [True, False])
def test_when_its_coordinator_becomes_the_first_it_stays_until_the_channel_is_open_there(is_open: bool) -> None:
    second = ChannelStatus(True, url=SECOND.url)
    turned = state(coordinator=SECOND.url, channel=ChannelStatus(is_open), second_channel=second)
    assert (second_coordinator(turned, SECOND.url, ()) == SECOND.url) is not is_open
    lost = msgspec.structs.replace(turned, second_channel=ChannelStatus(False, url=SECOND.url))
    assert second_coordinator(lost, SECOND.url, ()) in (FIRST.url, THIRD.url)
