"""Ends the taking of connections so that none is lost that was accepted a moment ago.

asyncio accepts a connection in one turn of its loop, and gives it a protocol some turns later. Whoever closes the
server in between leaves a connection that is nobody's, and open until it is collected (CPython issue 109564).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Protocol

TURNS = 5  # of the loop, between a connection that is accepted and its protocol; asyncio takes three, uvloop one


class Listener(Protocol):
    """A listening socket, ours or one that a server shows."""

    def fileno(self) -> int: ...


async def accept_no_more(listeners: Iterable[Listener]) -> None:
    """Accept nobody any more, and let those come about who were just accepted; then a server may be closed."""
    loop = asyncio.get_running_loop()
    for listener in listeners:
        if listener.fileno() >= 0:  # not closed before
            loop.remove_reader(listener.fileno())
    await let_arrive()


async def let_arrive() -> None:
    """Let whom the loop accepted a moment ago become a connection of somebody's."""
    for _ in range(TURNS):
        await asyncio.sleep(0)
