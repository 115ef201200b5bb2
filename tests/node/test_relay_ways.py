"""Which coordinators a node tells others to reach it by, and where it reaches others so."""

from __future__ import annotations

import msgspec
import pytest

from node.relay_ways import relay_bases, relays_of
from node.state import ChannelStatus, Membership, NodeState
from node.wire.messages import CoordinatorInfo, Endpoints, WorkerRecord

FIRST = CoordinatorInfo(id="c1", url="https://one.example")
SECOND = CoordinatorInfo(id="c2", url="http://two.example:9000/")
STATE = NodeState(
    membership=Membership(
        worker_id="w1",
        mesh_public_key="",
        credential="",
        trust="volunteer",
        coordinators=(FIRST, SECOND),
    ),
    coordinator=SECOND.url,
    channel=ChannelStatus(True),
)


def test_others_are_told_the_coordinator_whose_channel_is_open() -> None:
    assert relays_of(STATE, 64) == ("c2",)


@pytest.mark.parametrize(
    ("is_open", "second", "told"),
    [
        (True, ChannelStatus(True, url=FIRST.url), ("c2", "c1")),
        (False, ChannelStatus(True, url=FIRST.url), ("c1",)),
        (True, ChannelStatus(False, url=FIRST.url), ("c2",)),
        (True, ChannelStatus(True, url="https://unheard.example"), ("c2",)),
        (True, ChannelStatus(True, url=SECOND.url), ("c2",)),
        (False, ChannelStatus(True, url=SECOND.url), ("c2",)),
    ],
)
def test_both_are_told_the_one_in_use_first(is_open: bool, second: ChannelStatus, told: tuple[str, ...]) -> None:
    state = msgspec.structs.replace(STATE, channel=ChannelStatus(is_open), second_channel=second)
    assert relays_of(state, 64) == told
    assert relays_of(state, 0) == ()


@pytest.mark.parametrize(
    ("offered", "change"),
    [
        (0, {}),
        (64, {"channel": ChannelStatus()}),
        (64, {"coordinator": "https://unheard.example"}),
        (64, {"coordinator": None}),
        (64, {"membership": None}),
    ],
)
def test_nobody_is_told_where_it_does_not_hold(offered: int, change: dict[str, object]) -> None:
    assert relays_of(msgspec.structs.replace(STATE, **change), offered) == ()


@pytest.mark.parametrize(
    ("relays", "bases"),
    [
        ((), []),
        (("elsewhere",), []),
        (("c1",), ["https://one.example/relay/w9"]),
        (("elsewhere", "c2"), ["http://two.example:9000/relay/w9"]),
        (("c2", "c1"), ["http://two.example:9000/relay/w9"]),
    ],
)
def test_a_worker_is_reached_by_a_coordinator_that_we_know(relays: tuple[str, ...], bases: list[str]) -> None:
    record = WorkerRecord(worker_id="w9", endpoints=Endpoints(port=8000), relays=relays)
    assert relay_bases(record, (FIRST, SECOND)) == bases
    assert relay_bases(record, ()) == []
