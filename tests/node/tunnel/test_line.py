"""One WebSocket that is to be open: how each try ended, and that the next one comes."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from node.coordinator_client import CoordinatorError
from node.program.tasks import TaskSet
from node.tunnel import reconnect
from node.tunnel.line import FAILED, Ended, Line, UnreadableError
from node.tunnel.reconnect import Reconnect
from tests.support.channel_ends import ends, open_end
from tests.support.waiting import eventually


def unreadable(_text: str) -> None:
    raise UnreadableError("it is Latin")


def broken(_text: str) -> None:
    raise LookupError


async def test_it_says_why_it_did_not_open() -> None:
    async def refused() -> aiohttp.ClientWebSocketResponse:
        raise CoordinatorError("No.", "", 503)

    line = Line(refused, unreadable, lambda: pytest.fail("it never opens"), lambda _end: None)
    assert await line.once() == Ended("No.", status=503)


@pytest.mark.parametrize(
    ("hear", "code"),
    [(unreadable, aiohttp.WSCloseCode.INVALID_TEXT), (broken, FAILED)],
    ids=["unreadable", "broken"],
)
async def test_what_cannot_be_understood_ends_it(hear: object, code: int) -> None:
    async with ends() as there, aiohttp.ClientSession() as session:
        opened = asyncio.Event()
        line = Line(lambda: open_end(session, there.url), hear, opened.set, lambda _end: None)  # type: ignore[arg-type]  # it is one of the two above
        tasks = TaskSet("test")
        once = tasks.start(line.once(), "once")
        await opened.wait()
        await eventually(lambda: there.sockets, "it is open there, too")
        await there.say("salve")
        assert (await once).code == code
        await tasks.stop()


async def test_it_is_opened_again_and_again_once_it_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconnect, "FIRST", 0.0)
    heard: list[str] = []
    found: list[Ended] = []
    async with ends() as there, aiohttp.ClientSession() as session:
        ready, tasks = asyncio.Event(), TaskSet("test")
        line = Line(lambda: open_end(session, there.url), heard.append, lambda: None, found.append, ready)
        tasks.start(line.keep(Reconnect()), "keep")
        await asyncio.sleep(0)
        assert there.tries == 0, "it is held back"
        ready.set()
        for times in (1, 2):
            await eventually(lambda: there.sockets, "it is open")
            await there.say("hello")
            await eventually(lambda: len(heard) == times, "it is heard")  # noqa: B023 - asked before the next
            await there.die()
            there.is_up = True
            await eventually(lambda: len(found) == times, "it has ended")  # noqa: B023 - asked before the next
        await tasks.stop()
    assert [end.code for end in found] == [aiohttp.WSCloseCode.OK] * 2
