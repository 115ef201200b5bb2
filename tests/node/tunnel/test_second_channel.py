"""A node's second channel: for relay connections alone, kept while the first moves, and led elsewhere at need."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import aiohttp
import msgspec
import pytest

from node import events as e
from node.state import ChannelStatus, NodeState
from node.tunnel import reconnect, second_channel
from node.tunnel.channel import Channel
from node.tunnel.second_channel import SecondChannel
from node.wire.channel import RELAY_ONLY, Open
from node.wire.messages import Assignment, CoordinatorInfo
from tests.support.channel_ends import Ends, Mind, ends, open_end
from tests.support.node_values import CATALOGUE, MEMBERSHIP, assignment
from tests.support.waiting import eventually

TICKET = "t" * 22
KING = '{"type": "assignment", "role": "gpu"}'


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits so that others are not disturbed."""
    monkeypatch.setattr(second_channel, "SPREAD", 0.0)
    for name in ("FIRST", "SOON"):
        monkeypatch.setattr(reconnect, name, 0.02)


@dataclass
class Lab:
    """Some coordinators, and a node's two channels to them."""

    coordinators: list[Ends]
    mind: Mind
    told: Assignment
    heard: list[Assignment] = field(default_factory=list)
    asked: list[tuple[str, Sequence[str]]] = field(default_factory=list)

    def register(self) -> None:
        self.mind.dispatch(e.Registered(self.told, CATALOGUE))

    def fail(self) -> None:
        self.mind.dispatch(e.CoordinatorFailed("It does not answer."))

    def at(self, url: str | None) -> Ends:
        return next(end for end in self.coordinators if end.url == url)

    @property
    def second(self) -> ChannelStatus:
        return self.mind.state.second_channel or ChannelStatus()

    @property
    def first_is_open(self) -> bool:
        return self.mind.state.channel.open


@contextlib.asynccontextmanager
async def lab(count: int) -> AsyncIterator[Lab]:
    """Run a node that is registered with the first of some coordinators."""
    async with contextlib.AsyncExitStack() as stack:
        made = [await stack.enter_async_context(ends()) for _ in range(count)]
        session = await stack.enter_async_context(aiohttp.ClientSession())
        infos = tuple(CoordinatorInfo(id=f"c{number}", url=end.url) for number, end in enumerate(made))
        membership = msgspec.structs.replace(MEMBERSHIP, coordinators=infos[:1])
        mind = Mind(NodeState(membership=membership, coordinator=infos[0].url))
        told = Lab(made, mind, assignment(coordinators=infos))
        first = Channel(lambda url: open_end(session, url), told.heard.append, mind.dispatch)
        second = SecondChannel(
            lambda url: open_end(session, url, RELAY_ONLY),
            mind.dispatch,
            lambda url, tickets: told.asked.append((url, tickets)),
        )
        stack.push_async_callback(first.stop)
        stack.push_async_callback(second.stop)
        mind.followers += [first.look, second.look]
        told.register()
        yield told


async def test_with_one_coordinator_there_is_none() -> None:
    async with lab(1) as made:
        await eventually(lambda: made.first_is_open, "the channel is open")
        assert made.mind.state.second_channel is None
        assert made.coordinators[0].kinds == [""]


async def test_only_requests_for_connections_are_heard_on_it() -> None:
    async with lab(2) as made:
        other = made.coordinators[1]
        await eventually(lambda: made.first_is_open and made.second.open, "both are open")
        assert (other.kinds, made.second.url) == ([RELAY_ONLY], other.url)
        assert e.TellRelays() in made.mind.ordered
        before = made.mind.state
        await other.say(KING)
        await other.say('{"type": "later"}')
        await other.say(msgspec.json.encode(Open(tickets=(TICKET,))).decode())
        await eventually(lambda: made.asked, "it was asked for a connection")
        assert made.asked == [(other.url, (TICKET,))]
        assert made.heard == []
        assert made.mind.state == before
        await other.say("{")
        await eventually(lambda: other.tries == 2 and made.second.open, "what is no message ends it; it comes back")


async def test_it_is_kept_while_the_first_goes_to_its_coordinator_and_goes_elsewhere_then() -> None:
    async with lab(2) as made:
        one, two = made.coordinators
        await eventually(lambda: made.first_is_open and made.second.open, "both are open")
        await one.die()
        await eventually(lambda: not made.first_is_open, "the first is lost")
        made.fail()
        assert made.mind.state.coordinator == two.url
        await eventually(lambda: made.mind.state.channel == ChannelStatus(), "it has turned away")
        assert two.kinds == [RELAY_ONLY]
        assert made.second == ChannelStatus(True, url=two.url), "others still come by it"
        made.register()
        await eventually(lambda: made.first_is_open and two.kinds == [""], "the first is there instead")
        assert made.second.url == one.url
        one.is_up = True
        await eventually(lambda: made.second.open and one.kinds == [RELAY_ONLY], "the second leads to the other")
        assert made.mind.state.coordinator == two.url, "nothing goes back"


async def test_whoever_is_tried_in_vain_gives_way_to_another_and_it_stays_there() -> None:
    async with lab(3) as made:
        await eventually(lambda: made.second.open, "it is open")
        chosen = made.at(made.second.url)
        await chosen.die()
        await eventually(lambda: made.second.open and made.second.url != chosen.url, "it leads elsewhere")
        chosen.is_up = True
        there, tries = made.at(made.second.url), chosen.tries
        await there.die()
        there.is_up = True
        await eventually(lambda: there.tries == 2 and made.second.open, "it came back to the same")
        assert chosen.tries == tries


async def test_one_alone_is_tried_on_and_says_why_it_is_not_open() -> None:
    async with lab(2) as made:
        other = made.coordinators[1]
        other.is_up = False
        await eventually(lambda: other.tries > 2 * second_channel.TRIES, "it is tried again and again")
        assert made.second == ChannelStatus(False, "It opens no channel.", other.url)
        made.told = assignment(coordinators=made.told.coordinators[:1])
        made.register()
        await eventually(lambda: made.mind.state.second_channel is None, "it is not named any more")
        made.mind.dispatch(e.StopRequested())
        await eventually(lambda: made.coordinators[0].kinds == [], "both end with the node")
