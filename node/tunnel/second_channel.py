"""Keeps a channel to one coordinator more than the one that we are registered with, where there is one.

Only requests for relay connections are heard on it, so that others still reach us by relay when the first
coordinator has died. What this machine is and runs is never asked there.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable

from node import events as e
from node.known_coordinators import second_choices, second_coordinator
from node.program.tasks import TaskSet
from node.state import ChannelStatus, NodeState
from node.tunnel.channel import Asked, Open, target_of
from node.tunnel.line import NOT_FOUND, Ended, Line, UnreadableError
from node.tunnel.reconnect import LIVED, Reconnect
from node.wire.channel import read_tickets

log = logging.getLogger(__name__)

# Seconds over which nodes open it: all of a mesh hear of a new coordinator, or of one's death, at one moment.
SPREAD = 5.0
TRIES = 3  # in vain, after which another coordinator is tried


class SecondChannel:
    """Follows the node's state from the first `look` until `stop`, which may be called any number of times."""

    def __init__(self, open_: Open, dispatch: Callable[[e.Event], None], asked: Asked) -> None:
        """`open_` opens a channel that is for relay connections alone to the coordinator at a URL.

        `asked` hears the URL of the coordinator that asks for such connections, and its tickets.
        """
        self._open = open_
        self._dispatch = dispatch
        self._asked = asked
        self._url: str | None = None
        self._given_up: set[str] = set()
        self._state = NodeState()
        self._keeping: asyncio.Task[None] | None = None
        self._stopped = False
        self._tasks = TaskSet("second-channel")

    def look(self, state: NodeState) -> None:
        """See whether it should lead elsewhere now; costs little when all is the same."""
        self._state = state
        url = second_coordinator(state, self._url, self._given_up) if target_of(state) is not None else None
        if url == self._url or self._stopped:
            return
        self._url = url
        if self._keeping is not None:
            self._keeping.cancel()
        status = ChannelStatus(url=url) if url is not None else None
        asyncio.get_running_loop().call_soon(self._dispatch, e.SecondChannelChanged(status))
        self._keeping = self._tasks.start(self._keep(url), "keep") if url is not None else None

    async def stop(self) -> None:
        self._stopped = True
        await self._tasks.stop()

    async def _keep(self, url: str) -> None:
        await asyncio.sleep(SPREAD * random.random())  # noqa: S311 - not for secrets
        failures = 0

        def opened() -> None:
            self._given_up.clear()
            self._dispatch(e.SecondChannelChanged(ChannelStatus(True, url=url)))

        def ended(end: Ended) -> None:
            nonlocal failures
            log.debug("no second channel to %s: %s", url, end.detail)
            failures = 1 if end.lived >= LIVED else failures + (TRIES if end.status == NOT_FOUND else 1)
            self._dispatch(e.SecondChannelChanged(ChannelStatus(False, end.detail, url)))
            if failures >= TRIES:
                self._give_up(url)

        line = Line(lambda: self._open(url), lambda text: self._hear(text, url), opened, ended)
        await line.keep(Reconnect())

    def _give_up(self, url: str) -> None:
        """Try another coordinator, if there is one; who has been given up is tried again after all others."""
        self._given_up.add(url)
        if self._given_up.issuperset(second_choices(self._state)):
            self._given_up = {url}
        self.look(self._state)

    def _hear(self, text: str, url: str) -> None:
        """Open what is asked for, and pass over everything else."""
        try:
            tickets = read_tickets(text)
        except ValueError as error:
            raise UnreadableError(str(error)) from None
        if tickets:
            self._asked(url, tickets)
