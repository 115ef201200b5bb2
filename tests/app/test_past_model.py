"""The node is asked for its past while somebody looks: only for what is new, and again after it was gone."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs, urlsplit

import msgspec

from app.intents import NodeUnreachable
from app.past_model import MOST_ENTRIES, MOST_JOURNEYS, ActivityModel, RoutingModel, RoutingSight, with_newer
from node.activity.entries import Entries
from node.routing.journeys import Journeys
from node.routing.samples import Series
from tests.support.pasts import entry, journey, series
from tests.support.waiting import eventually


class Desk:
    """Answers as a node does, or not at all."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.run, self.journeys, self.entries = 1, 3, 3
        self.dead = False
        self.rubbish = False

    async def ask(self, method: str, path: str, body: object) -> bytes:
        assert (method, body) == ("GET", None)
        self.asked.append(path)
        await asyncio.sleep(0)
        if self.dead:
            raise NodeUnreachable
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        return b"{]" if self.rubbish else msgspec.json.encode(self._answer(parts.path, query))

    def _answer(self, path: str, query: dict[str, str]) -> Series | Journeys | Entries:
        if path == "/routing/history":
            return series(1.0, 10) if query["span"] == "recent" else series(60.0, 20)
        after = int(query["after"])
        if path == "/routing/requests":
            first = after + 1 if int(query["run"]) == self.run else 1
            told = tuple(journey(number) for number in range(first, self.journeys + 1))
            return Journeys(run=self.run, last=self.journeys, journeys=told)
        told_entries = tuple(entry(number) for number in range(after + 1, self.entries + 1))
        return Entries(last=self.entries, entries=told_entries)


async def test_requests_are_asked_for_while_they_are_watched_and_only_new_ones() -> None:
    desk, model = Desk(), RoutingModel(pause=0.01)
    model.connect_to(desk)
    await asyncio.sleep(0.05)
    assert desk.asked == [], "nobody looks"
    model.watch(wanted=True)
    await eventually(lambda: model.sight.live, "an answer")
    assert [one.number for one in model.sight.journeys] == [3, 2, 1]
    assert model.sight.recent is not None
    assert model.sight.day is not None
    desk.journeys = 5
    await eventually(lambda: len(model.sight.journeys) == 5, "newer ones")
    assert "/routing/requests?run=1&after=3" in desk.asked
    assert desk.asked.count("/routing/history?span=day") < desk.asked.count("/routing/history?span=recent")
    desk.run, desk.journeys = 2, 1
    await eventually(lambda: [one.number for one in model.sight.journeys] == [1], "another run")
    model.watch(wanted=False)
    await asyncio.sleep(0.02)
    count = len(desk.asked)
    await asyncio.sleep(0.1)
    assert len(desk.asked) == count
    await model.stop()


async def test_a_node_that_is_gone_leaves_what_was_known_and_comes_back() -> None:
    desk, told = Desk(), []
    routing, activity = RoutingModel(pause=0.01), ActivityModel(lambda: None, pause=0.01)
    for model in (routing, activity):
        model.changed.connect(lambda: told.append(1))
        model.connect_to(desk)
        model.watch(wanted=True)
    await eventually(lambda: routing.sight.live and activity.sight.live, "answers")
    desk.dead = True
    await eventually(lambda: not routing.sight.live and not activity.sight.live, "silence")
    assert len(routing.sight.journeys) == 3
    assert len(activity.sight.entries or ()) == 3
    desk.dead = False
    await eventually(lambda: routing.sight.live and activity.sight.live, "answers again")
    desk.rubbish = True
    await eventually(lambda: not routing.sight.live and not activity.sight.live, "rubbish")
    assert told
    await routing.stop()
    await activity.stop()


async def test_the_log_is_asked_only_when_there_is_something_new() -> None:
    desk = Desk()
    model = ActivityModel(lambda: desk.entries, pause=0.01)
    model.connect_to(desk)
    model.watch(wanted=True)
    await eventually(lambda: model.sight.live, "an answer")
    assert [one.number for one in model.sight.entries or ()] == [3, 2, 1]
    await asyncio.sleep(0.1)
    assert desk.asked == ["/activity?after=0"]
    desk.entries = 4
    await eventually(lambda: len(model.sight.entries or ()) == 4, "a new entry")
    assert desk.asked == ["/activity?after=0", "/activity?after=3"]
    desk.entries = 1
    await eventually(lambda: len(model.sight.entries or ()) == 1, "another log")
    await model.stop()


def test_only_so_many_are_kept() -> None:
    before = RoutingSight(run=1, journeys=tuple(journey(n) for n in range(MOST_JOURNEYS, 0, -1)))
    told = Journeys(run=1, last=203, journeys=tuple(journey(n) for n in range(201, 204)))
    kept = with_newer(before, told)
    assert (len(kept), kept[0].number, kept[-1].number) == (MOST_JOURNEYS, 203, 4)
    assert with_newer(before, Journeys(run=1)) is before.journeys
    assert with_newer(before, Journeys(run=2)) == ()
    assert MOST_ENTRIES == 2000
