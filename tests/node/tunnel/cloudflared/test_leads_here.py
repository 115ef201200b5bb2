"""An address is believed once it leads here, looked at now and then, and given up after two lost questions."""

from __future__ import annotations

from node.tunnel.cloudflared.leads_here import EVERY, FIRST, LeadsHere

URL = "https://worker.example.org"


class World:
    """Answers as the test wants, and notes what it was asked."""

    def __init__(self) -> None:
        self.says = ""
        self.asked: list[str] = []

    async def ask(self, url: str) -> str:
        self.asked.append(url)
        return self.says


async def test_an_address_that_leads_elsewhere_is_asked_at_longer_and_longer() -> None:
    world = World()
    world.says = "Something else answers there."
    leads = LeadsHere(world.ask)
    assert await leads.why_not(URL, 100.0) == world.says
    assert await leads.why_not(URL, 100.0 + FIRST - 0.1) == world.says
    assert len(world.asked) == 1
    now = 100.0
    for _ in range(20):
        now += EVERY
        assert await leads.why_not(URL, now) == world.says
    assert len(world.asked) == 21
    world.says = ""
    assert await leads.why_not(URL, now + EVERY) == ""


async def test_one_lost_question_is_forgiven_and_the_second_is_not() -> None:
    world = World()
    leads = LeadsHere(world.ask)
    assert await leads.why_not(URL, 0.0) == ""
    assert await leads.why_not(URL, EVERY - 1) == ""
    assert world.asked == [URL]
    world.says = "Nothing answers there in time."
    assert await leads.why_not(URL, EVERY) == ""
    assert await leads.why_not(URL, 2 * EVERY) == world.says
    world.says = ""
    assert await leads.why_not(URL, 3 * EVERY) == ""


async def test_another_address_is_looked_at_at_once() -> None:
    world = World()
    leads = LeadsHere(world.ask)
    await leads.why_not(URL, 0.0)
    world.says = "No."
    assert await leads.why_not("https://other.example.org", 1.0) == "No."
    assert world.asked == [URL, "https://other.example.org"]


async def test_without_anybody_to_ask_and_without_an_address_nothing_is_doubted() -> None:
    world = World()
    assert await LeadsHere(None).why_not(URL, 0.0) == ""
    assert await LeadsHere(world.ask).why_not("", 0.0) == ""
    assert world.asked == []
