"""Watches an address that somebody else serves for us: it is given to others only while it leads to this node."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aiohttp

from node.state import TunnelStatus
from node.tunnel.cloudflared import sentences
from node.tunnel.cloudflared.leads_here import EVERY, LeadsHere
from node.tunnel.outside import Outside


class OwnAddress:
    """Asks at the address again and again; `run` never returns."""

    def __init__(
        self,
        url: str,
        outside: Outside,
        session: aiohttp.ClientSession,
        on_change: Callable[[TunnelStatus], None],
        every: float = EVERY,
    ) -> None:
        self._url = url.rstrip("/")
        self._outside = outside
        self._session = session
        self._on_change = on_change
        self._every = every

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        leads = LeadsHere(lambda url: self._outside.why_not(self._session, url), self._every)
        while True:
            why_not = await leads.why_not(self._url, loop.time())
            self._on_change(sentences.unreached(self._url, why_not) if why_not else sentences.up("own", self._url))
            await asyncio.sleep(leads.rest(loop.time()))
