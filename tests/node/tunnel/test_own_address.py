"""An address of one's own is told to others only while it leads here, and one lost question is forgiven."""

from __future__ import annotations

import aiohttp

from node.program.tasks import TaskSet
from node.state import TunnelStatus
from node.tunnel.outside import Outside
from node.tunnel.own_address import OwnAddress
from tests.support.waiting import eventually

URL = "https://worker.example.org"


class Answers(Outside):
    """An outside world that answers as the test wants."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.answers: list[str] = []
        self.last = ""

    async def why_not(self, session: aiohttp.ClientSession, url: str) -> str:
        self.asked.append(url)
        return self.answers.pop(0) if self.answers else self.last


async def test_it_is_told_when_it_leads_here_and_when_it_does_not() -> None:
    outside, told = Answers(), list[TunnelStatus]()
    outside.last = "Nothing answers there."
    tasks = TaskSet("test")
    async with aiohttp.ClientSession() as session:
        tasks.start(OwnAddress(URL + "/", outside, session, told.append, every=0.01).run(), "own")
        await eventually(lambda: told, "told")
        assert (told[0].state, told[0].url) == ("down", None)
        assert "Nothing answers there." in told[0].text
        outside.last = ""
        await eventually(lambda: told[-1].url == URL, "up")
        await tasks.stop()
    assert set(outside.asked) == {URL}


async def test_one_lost_question_is_forgiven_and_two_are_not() -> None:
    outside, told = Answers(), list[TunnelStatus]()
    outside.answers = ["", "lost", "", "", "lost", "lost"]
    tasks = TaskSet("test")
    async with aiohttp.ClientSession() as session:
        tasks.start(OwnAddress(URL, outside, session, told.append, every=0.01).run(), "own")
        await eventually(lambda: len(told) >= 7, "all was told")
        await tasks.stop()
    assert [status.state for status in told[:7]] == [*["up"] * 5, "down", "up"]
