"""Keeps a WebSocket to the coordinator open on which it pushes what would else come with the next heartbeat.

It is opened to the coordinator that we are registered with, and again whenever it drops. Heartbeats go by it where
that coordinator takes them there (`beats`), and else as they did: none waits for a channel to open.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import aiohttp

from node import events as e
from node.program.tasks import TaskSet
from node.state import ChannelStatus, NodeState
from node.tunnel.beats import Beats
from node.tunnel.line import Ended, Line, UnreadableError
from node.tunnel.reconnect import Reconnect
from node.wire.channel import ANSWER, ASSIGNMENT, Close, read_assignment, read_tickets, read_type
from node.wire.messages import Assignment

log = logging.getLogger(__name__)

IS_OPEN = ChannelStatus(True)
REFUSED = (401, 403)
LEAVING_SPREAD = 5.0  # seconds over which nodes turn to other coordinators when theirs ends


@dataclass(frozen=True, slots=True)
class Target:
    """Whose channel to which coordinator."""

    worker_id: str
    url: str


def target_of(state: NodeState) -> Target | None:
    """Return the channel that should be open, or None while there is nobody whom it could help."""
    if state.membership is None or state.coordinator is None or state.leaving or state.stopping:
        return None
    if state.offline:
        return None
    return Target(state.membership.worker_id, state.coordinator)


Open = Callable[[str], Awaitable[aiohttp.ClientWebSocketResponse]]
Asked = Callable[[str, Sequence[str]], None]


class Channel:
    """Follows the node's state from the first `look` until `stop`, which may be called any number of times."""

    def __init__(
        self,
        open_: Open,
        pushed: Callable[[Assignment], None],
        dispatch: Callable[[e.Event], None],
        asked: Asked | None = None,
    ) -> None:
        """`open_` opens a channel to the coordinator at a URL, or raises CoordinatorError.

        `asked` hears the URL of the coordinator that asks for relay connections, and its tickets.
        """
        self.beats = Beats()
        self._asked = asked
        self._open = open_
        self._pushed = pushed
        self._dispatch = dispatch
        self._target: Target | None = None
        self._registered = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None
        self._stopped = False
        self._tasks = TaskSet("channel")

    def look(self, state: NodeState) -> None:
        """See whether another channel is wanted now than there is; costs nothing when all is the same."""
        if state.registered:
            self._registered.set()
        else:
            self._registered.clear()
        target = target_of(state)
        if target == self._target or self._stopped:
            return
        self._target = target
        self.beats.ended()
        if self._keeping is not None:
            self._keeping.cancel()
            asyncio.get_running_loop().call_soon(self._dispatch, e.ChannelChanged(ChannelStatus()))
        self._keeping = self._tasks.start(self._line(target).keep(Reconnect()), "keep") if target else None

    async def stop(self) -> None:
        self._stopped = True
        self.beats.ended()
        await self._tasks.stop()

    def _line(self, target: Target) -> Line:
        return Line(
            open_=lambda: self._open_to(target.url),
            hear=lambda text: self._hear(text, target.url),
            opened=lambda: self._dispatch(e.ChannelChanged(IS_OPEN)),
            ended=lambda end: self._ended(end, target.url),
            ready=self._registered,
        )

    async def _open_to(self, url: str) -> aiohttp.ClientWebSocketResponse:
        socket = await self._open(url)
        self.beats.opened(url, socket)
        return socket

    def _hear(self, text: str, url: str) -> None:
        """Act upon a message, and pass over one of a type that is not known here."""
        try:
            kind = read_type(text)
            if kind == ANSWER:
                self.beats.hear(text)
            told = read_assignment(text) if kind == ASSIGNMENT else None
            tickets = read_tickets(text)
        except ValueError as error:
            raise UnreadableError(str(error)) from None
        if told is not None:
            self._pushed(told)
        if tickets and self._asked is not None:
            self._asked(url, tickets)

    def _ended(self, end: Ended, url: str) -> None:
        self.beats.ended()
        log.debug("no channel to %s: %s", url, end.detail)
        if end.code == Close.UNKNOWN_WORKER:
            self._dispatch(e.WorkerUnknown())
        elif end.code == aiohttp.WSCloseCode.GOING_AWAY:  # so it is for all its workers at this moment
            self._dispatch(e.CoordinatorLeaves(LEAVING_SPREAD * random.random()))  # noqa: S311 - not for secrets
        elif end.status in REFUSED or end.code in (Close.EXPIRED, Close.EXPELLED):
            self._dispatch(e.ChannelRefused())
        self._dispatch(e.ChannelChanged(ChannelStatus(False, end.detail)))
