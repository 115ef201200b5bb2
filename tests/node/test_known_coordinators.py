"""Which coordinators a node remembers, whom it asks next, and where its second channel goes and stays."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest

from node.known_coordinators import MOST, knowing, next_coordinator, second_choices, second_coordinator
from node.state import ChannelStatus, NodeState
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
