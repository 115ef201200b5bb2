"""Watches an address that somebody else serves for us: it is given to others only while it leads to this node."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aiohttp

from node.state import TunnelStatus
from node.tunnel.cloudflared import sentences
from node.tunnel.outside import Outside

EVERY = 60.0  # seconds
FIRST = 2.0  # seconds until it is looked for again at first; doubles
FORGIVEN = 1  # lost questions in a row that may be by chance


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
        failures, pause, was_up = 0, min(FIRST, self._every), False
        while True:
            why_not = await self._outside.why_not(self._session, self._url)
            if not why_not:
                failures, was_up = 0, True
                self._on_change(sentences.up("own", self._url))
            else:
                failures += 1
                if not was_up or failures > FORGIVEN:
                    was_up = False
                    self._on_change(sentences.unreached(self._url, why_not))
            pause = self._every if was_up else min(self._every, pause * 2)
            await asyncio.sleep(pause)
